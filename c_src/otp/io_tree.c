#include "otp/io_tree.h"

#include <stdlib.h>

#include "etf/utf8.h"
#include "etf/view.h"
#include "otp/io_pretty.h"
#include "otp/io_text.h"

void io_tree_init(struct io_tree *tree, size_t cap, bool unicode, bool strings) {
    *tree = (struct io_tree){.unicode = unicode, .strings = strings};
    writer_init(&tree->text, cap);
}

void io_tree_fini(struct io_tree *tree) {
    writer_fini(&tree->text);
    free(tree->nodes);
}

static uint32_t new_node(struct io_tree *tree, enum io_node_kind kind) {
    if (tree->count == tree->capacity) {
        uint32_t capacity = tree->capacity ? tree->capacity * 2 : 64;
        if (capacity > IO_PRETTY_NODES) {
            tree->full = true;
            return 0;
        }
        struct io_node *nodes = realloc(tree->nodes, capacity * sizeof *nodes);
        if (!nodes) {
            tree->no_memory = true;
            return 0;
        }
        tree->nodes = nodes;
        tree->capacity = capacity;
        if (tree->count == 0)
            tree->nodes[tree->count++] = (struct io_node){0}; /* 0 is nobody */
    }
    tree->nodes[tree->count] = (struct io_node){.kind = (uint8_t)kind};
    return tree->count++;
}

static bool is_broken(const struct io_tree *tree) {
    return tree->no_memory || tree->full || tree->text.error;
}

/* A leaf of what was put into tree->text since `begin`. */
static uint32_t text_node(struct io_tree *tree, size_t begin) {
    uint32_t n = tree->text.error ? 0 : new_node(tree, NODE_TEXT);
    if (n && tree->text.size - begin > UINT32_MAX)
        tree->full = true;
    else if (n) {
        tree->nodes[n].text = begin;
        tree->nodes[n].size = (uint32_t)(tree->text.size - begin);
        if (tree->nodes[n].size)
            tree->nodes[n].length = (int64_t)io_text_length(tree->text.at + begin, tree->nodes[n].size);
    }
    return n;
}

static uint32_t constant_node(struct io_tree *tree, const char *text) {
    size_t begin = tree->text.size;
    writer_put(&tree->text, text, strlen(text));
    return text_node(tree, begin);
}

static uint32_t dots_node(struct io_tree *tree) {
    uint32_t n = new_node(tree, NODE_DOTS);
    if (n) {
        tree->nodes[n].length = 3;
        tree->nodes[n].tail = true;
    }
    return n;
}

struct children {
    uint32_t parent, last;
};

/* list_length/3: a comma before each but the first. */
static void add_child(struct io_tree *tree, struct children *children, uint32_t child) {
    if (!child)
        return;
    if (children->last)
        tree->nodes[children->last].next = child;
    else
        tree->nodes[children->parent].child = child;
    tree->nodes[children->parent].length += tree->nodes[child].length + (children->last ? 1 : 0);
    children->last = child;
}

/* A flat, proper list of printable characters. */
static bool put_string(hm_term term, struct writer *chars) {
    struct hm_list list;
    hm_term element;
    int64_t c;
    hm_list_begin(term, &list);
    while (hm_list_next(&list, &element))
        if (!hm_get_int64(element, &c) || c < 0 || c > 0xFF || !io_text_is_printable((uint32_t)c) ||
            io_text_put(chars, c))
            return false;
    return hm_list_end(&list, NULL);
}

static uint32_t measure_list(struct io_tree *tree, hm_term term, int64_t depth) {
    struct hm_list list;
    hm_term element;
    if (tree->strings && depth != 1) {
        struct writer chars;
        size_t begin = tree->text.size;
        writer_init(&chars, tree->text.cap);
        bool is_string = put_string(term, &chars);
        if (is_string)
            io_text_quote(&tree->text, chars.at, chars.size, '"', !tree->unicode);
        tree->no_memory = tree->no_memory || chars.error == HM_ENOMEM;
        writer_fini(&chars);
        if (is_string)
            return text_node(tree, begin);
    }
    struct children children = {new_node(tree, NODE_LIST), 0};
    if (!children.parent)
        return 0;
    tree->nodes[children.parent].length = 2;
    hm_list_begin(term, &list);
    for (; !is_broken(tree); depth--) {
        bool more = hm_list_next(&list, &element);
        if (!more && hm_list_end(&list, &element))
            break;
        uint32_t child = depth == 1 ? dots_node(tree) : io_tree_measure(tree, element, depth - 1);
        if (child && !more)
            tree->nodes[child].tail = true;
        add_child(tree, &children, child);
        if (depth == 1 || !more)
            break;
    }
    return children.parent;
}

static uint32_t measure_tuple(struct io_tree *tree, hm_term term, int64_t depth) {
    const uint8_t *at;
    long arity = view_tuple(term.bytes, &at);
    if (arity == 0)
        return constant_node(tree, "{}");
    if (depth == 1)
        return constant_node(tree, "{...}");
    struct children children = {new_node(tree, arity > 1 && view_is_atom_tag(*at) ? NODE_TAGGED : NODE_TUPLE),
                                0};
    if (!children.parent)
        return 0;
    tree->nodes[children.parent].length = 2;
    for (long i = 0; i < arity && !is_broken(tree); i++, depth--) {
        const uint8_t *next = view_skip(at);
        if (depth == 1) {
            add_child(tree, &children, dots_node(tree));
            break;
        }
        add_child(tree, &children, io_tree_measure(tree, (hm_term){at, (size_t)(next - at)}, depth - 1));
        at = next;
    }
    return children.parent;
}

static uint32_t measure_map(struct io_tree *tree, hm_term term, int64_t depth) {
    struct hm_map map;
    hm_term key, value;
    int64_t inner = depth - 1;
    hm_map_begin(term, &map);
    if (!map.left)
        return constant_node(tree, "#{}");
    if (depth == 1)
        return constant_node(tree, "#{...}");
    struct children children = {new_node(tree, NODE_MAP), 0};
    if (!children.parent)
        return 0;
    tree->nodes[children.parent].length = 3;
    for (; !is_broken(tree) && hm_map_next(&map, &key, &value); depth--) {
        if (depth == 1) {
            add_child(tree, &children, dots_node(tree));
            break;
        }
        uint32_t pair = new_node(tree, NODE_PAIR);
        uint32_t first = pair ? io_tree_measure(tree, key, inner) : 0,
                 second = first ? io_tree_measure(tree, value, inner) : 0;
        if (!second)
            break;
        tree->nodes[pair].child = first;
        tree->nodes[first].next = second;
        tree->nodes[pair].length = tree->nodes[first].length + 4 + tree->nodes[second].length;
        add_child(tree, &children, pair);
    }
    return children.parent;
}

/* printable_bin/4: how much of a binary is text. */
struct printable {
    bool is_text, whole, utf8;
    size_t size; /* bytes of it */
};

static struct printable latin1_part(struct bytes bytes, size_t length, int64_t depth) {
    size_t count = 0;
    while (count < length && io_text_is_printable(bytes.at[count]))
        count++;
    if (count == length)
        return (struct printable){true, length == bytes.size, false, count};
    return (struct printable){depth > 0 && count >= (size_t)depth, false, false, count};
}

static struct printable unicode_part(struct bytes bytes, size_t length, int64_t depth) {
    const uint8_t *at = bytes.at, *end = at + bytes.size;
    size_t characters = 0, printable = 0;
    const uint8_t *stop = NULL;
    for (; at < end && characters < length; characters++) {
        uint32_t c;
        unsigned used = utf8_next(at, end, &c);
        if (!used)
            return latin1_part(bytes, length, depth);
        if (!stop && !io_text_is_printable(c))
            stop = at;
        printable += !stop;
        at += used;
    }
    stop = stop ? stop : at;
    size_t size = (size_t)(stop - bytes.at);
    if (stop == end)
        return (struct printable){true, true, size != printable, size};
    return (struct printable){depth > 0 && printable >= (size_t)depth, false, size != printable, size};
}

static struct printable printable_part(const struct io_tree *tree, struct bytes bytes, int64_t depth) {
    size_t length = bytes.size;
    if (depth >= 0 && (uint64_t)depth < length / 4 + 1)
        length = 4 * (size_t)depth < length ? 4 * (size_t)depth : length;
    if (!length)
        return (struct printable){0};
    return tree->unicode ? unicode_part(bytes, length, depth) : latin1_part(bytes, length, depth);
}

static void quote_latin1(struct writer *out, const uint8_t *at, size_t size) {
    struct writer utf8;
    writer_init(&utf8, out->cap);
    for (size_t i = 0; i < size; i++)
        io_text_put(&utf8, at[i]);
    io_text_quote(out, utf8.at, utf8.size, '"', false);
    if (utf8.error && !out->error)
        out->error = utf8.error;
    writer_fini(&utf8);
}

static uint32_t measure_bits(struct io_tree *tree, hm_term term, int64_t depth) {
    struct bytes bytes;
    unsigned last_bits;
    size_t begin = tree->text.size;
    view_bits(term.bytes, &bytes, &last_bits);
    if (!bytes.size)
        return constant_node(tree, "<<>>");
    if (depth == 1)
        return constant_node(tree, "<<...>>");
    struct printable part = {0};
    if (tree->strings && last_bits == 8)
        part = printable_part(tree, bytes, depth - 1);
    if (part.is_text) {
        writer_put(&tree->text, "<<", 2);
        if (part.utf8)
            io_text_quote(&tree->text, bytes.at, part.size, '"', false);
        else if (tree->unicode && utf8_valid(bytes.at, part.size, NULL))
            io_text_quote(&tree->text, bytes.at, part.size, '"', false);
        else
            quote_latin1(&tree->text, bytes.at, part.size);
        const char *end = part.utf8 ? part.whole ? "/utf8>>" : "/utf8...>>" : part.whole ? ">>" : "...>>";
        writer_put(&tree->text, end, strlen(end));
        return text_node(tree, begin);
    }
    io_write_term(&tree->text, term, depth, tree->unicode);
    uint32_t n = text_node(tree, begin);
    if (n)
        tree->nodes[n].kind = NODE_BITS;
    return n;
}

uint32_t io_tree_measure(struct io_tree *tree, hm_term term, int64_t depth) {
    size_t begin = tree->text.size;
    if (is_broken(tree))
        return 0;
    switch (hm_term_type(term)) {
    case HM_TYPE_LIST: return measure_list(tree, term, depth);
    case HM_TYPE_TUPLE: return measure_tuple(tree, term, depth);
    case HM_TYPE_MAP: return measure_map(tree, term, depth);
    case HM_TYPE_BINARY:
    case HM_TYPE_BITSTRING: return measure_bits(tree, term, depth);
    default: io_write_term(&tree->text, term, -1, tree->unicode); return text_node(tree, begin);
    }
}
