/*
 * otp/io_tree: a term as io_lib_pretty:print/2 sees it before it breaks lines: a tree of parts, each with the
 * number of characters that it takes in one line.
 *
 * Owns the nodes and the text of the leaves. io_pretty makes one for each term that it writes, walks it, and
 * frees it. Recursive, as deep as the term. Any thread.
 */
#ifndef HM_OTP_IO_TREE_H
#define HM_OTP_IO_TREE_H

#include "base/bytes.h"
#include <hermod/term.h>

enum io_node_kind {
    NODE_TEXT,
    NODE_BITS, /* <<1,2,3>>, which may be broken at a comma */
    NODE_LIST,
    NODE_TUPLE,
    NODE_TAGGED, /* a tuple that begins with an atom, and has more */
    NODE_MAP,
    NODE_PAIR, /* key and value are its children */
    NODE_DOTS, /* deeper or longer than is shown */
};

struct io_node {
    int64_t length; /* characters in one line, separators included */
    size_t text;    /* TEXT, BITS: place and size in the tree's text */
    uint32_t size;
    uint32_t child, next; /* numbers of nodes, 0: none */
    uint8_t kind;         /* enum io_node_kind */
    bool tail;            /* behind the | of a list, or the dots at the end */
};

struct io_tree {
    struct writer
        text; /* of the leaves; its error: HM_ENOMEM, or HM_ELIMIT: more than is to be written at all */
    struct io_node *nodes;
    uint32_t count, capacity;
    bool no_memory, full;  /* of nodes, IO_PRETTY_NODES */
    bool unicode, strings; /* as in struct io_pretty_style */
};

void io_tree_init(struct io_tree *tree, size_t cap, bool unicode, bool strings);
void io_tree_fini(struct io_tree *tree);
/* The root of the term; 0, or a flag of the tree, when there is no memory or it is too large. */
uint32_t io_tree_measure(struct io_tree *tree, hm_term term, int64_t depth);

#endif
