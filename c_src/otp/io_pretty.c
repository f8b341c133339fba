/*
 * Two passes, as in io_lib_pretty.erl: measure() makes a tree of what will be written, with the number of characters of
 * each part; pp_*() writes it, a part in one line where it fits, else its elements below each other. Between them
 * indent_*() looks for an indentation of tagged tuples with which no line gets too narrow.
 *
 * Names follow the Erlang: ll, the line's length; max, the most characters on one line; col, the column; ld, how many
 * brackets will be closed behind the part; w, what is written on this line already, without indentation.
 */
#include "otp/io_pretty.h"

#include <stdlib.h>

#include "etf/utf8.h"
#include "etf/view.h"
#include "otp/io_text.h"

enum kind { NODE_TEXT, NODE_BITS, NODE_LIST, NODE_TUPLE, NODE_TAGGED, NODE_MAP, NODE_PAIR, NODE_DOTS };

struct node {
    int64_t length; /* characters in one line, separators included */
    size_t text;    /* TEXT: place and size in struct pretty's text */
    uint32_t size;
    uint32_t child, next; /* 0: none */
    uint8_t kind;
    bool tail;        /* behind the | of a list, or the dots at the end */
    hm_term bits;     /* BITS */
    int64_t depth;
};

struct pretty {
    struct writer *out;
    struct writer text; /* of the leaves */
    struct node *nodes;
    uint32_t count, capacity;
    bool failed, full; /* no memory; too many nodes */
    bool unicode, strings;
    int64_t ll, max, tind;
};

/* ---- measuring ---- */

static uint32_t new_node(struct pretty *p, enum kind kind) {
    if (p->count == p->capacity) {
        uint32_t capacity = p->capacity ? p->capacity * 2 : 64;
        if (capacity > IO_PRETTY_NODES) {
            p->full = true;
            return 0;
        }
        struct node *nodes = realloc(p->nodes, capacity * sizeof *nodes);
        if (!nodes) {
            p->failed = true;
            return 0;
        }
        p->nodes = nodes;
        p->capacity = capacity;
        if (p->count == 0)
            p->nodes[p->count++] = (struct node){0}; /* 0 is nobody */
    }
    p->nodes[p->count] = (struct node){.kind = (uint8_t)kind};
    return p->count++;
}

static bool is_broken(const struct pretty *p) {
    return p->failed || p->full || p->text.error;
}

/* A leaf of what was put into p->text since `begin`. */
static uint32_t text_node(struct pretty *p, size_t begin) {
    uint32_t n = p->text.error ? 0 : new_node(p, NODE_TEXT);
    if (n && p->text.size - begin > UINT32_MAX)
        p->full = true;
    else if (n) {
        p->nodes[n].text = begin;
        p->nodes[n].size = (uint32_t)(p->text.size - begin);
        if (p->nodes[n].size)
            p->nodes[n].length = (int64_t)io_text_length(p->text.at + begin, p->nodes[n].size);
    }
    return n;
}

static uint32_t constant_node(struct pretty *p, const char *text) {
    size_t begin = p->text.size;
    writer_put(&p->text, text, strlen(text));
    return text_node(p, begin);
}

static uint32_t dots_node(struct pretty *p) {
    uint32_t n = new_node(p, NODE_DOTS);
    if (n) {
        p->nodes[n].length = 3;
        p->nodes[n].tail = true;
    }
    return n;
}

struct children {
    uint32_t parent, last;
};

/* list_length/3: a comma before each but the first. */
static void add_child(struct pretty *p, struct children *children, uint32_t child) {
    if (!child)
        return;
    if (children->last)
        p->nodes[children->last].next = child;
    else
        p->nodes[children->parent].child = child;
    p->nodes[children->parent].length += p->nodes[child].length + (children->last ? 1 : 0);
    children->last = child;
}

static uint32_t measure(struct pretty *p, hm_term term, int64_t depth);

/* A flat, proper list of printable characters. */
static bool put_string(struct pretty *p, hm_term term, struct writer *chars) {
    struct hm_list list;
    hm_term element;
    int64_t c;
    (void)p;
    hm_list_begin(term, &list);
    while (hm_list_next(&list, &element))
        if (!hm_get_int64(element, &c) || c < 0 || c > 0xFF || !io_text_is_printable((uint32_t)c) ||
            io_text_put(chars, c))
            return false;
    return hm_list_end(&list, NULL);
}

static uint32_t measure_list(struct pretty *p, hm_term term, int64_t depth) {
    struct hm_list list;
    hm_term element;
    if (p->strings && depth != 1) {
        struct writer chars;
        size_t begin = p->text.size;
        writer_init(&chars, p->text.cap);
        bool is_string = put_string(p, term, &chars);
        if (is_string)
            io_text_quote(&p->text, chars.at, chars.size, '"', !p->unicode);
        p->failed = p->failed || chars.error == HM_ENOMEM;
        writer_fini(&chars);
        if (is_string)
            return text_node(p, begin);
    }
    struct children children = {new_node(p, NODE_LIST), 0};
    if (!children.parent)
        return 0;
    p->nodes[children.parent].length = 2;
    hm_list_begin(term, &list);
    for (; !is_broken(p); depth--) {
        bool more = hm_list_next(&list, &element);
        if (!more && hm_list_end(&list, &element))
            break;
        uint32_t child = depth == 1 ? dots_node(p) : measure(p, element, depth - 1);
        if (child && !more)
            p->nodes[child].tail = true;
        add_child(p, &children, child);
        if (depth == 1 || !more)
            break;
    }
    return children.parent;
}

static uint32_t measure_tuple(struct pretty *p, hm_term term, int64_t depth) {
    const uint8_t *at;
    long arity = view_tuple(term.bytes, &at);
    if (arity == 0)
        return constant_node(p, "{}");
    if (depth == 1)
        return constant_node(p, "{...}");
    struct children children = {new_node(p, arity > 1 && view_is_atom_tag(*at) ? NODE_TAGGED : NODE_TUPLE), 0};
    if (!children.parent)
        return 0;
    p->nodes[children.parent].length = 2;
    for (long i = 0; i < arity && !is_broken(p); i++, depth--) {
        const uint8_t *next = view_skip(at);
        if (depth == 1) {
            add_child(p, &children, dots_node(p));
            break;
        }
        add_child(p, &children, measure(p, (hm_term){at, (size_t)(next - at)}, depth - 1));
        at = next;
    }
    return children.parent;
}

static uint32_t measure_map(struct pretty *p, hm_term term, int64_t depth) {
    struct hm_map map;
    hm_term key, value;
    int64_t inner = depth - 1;
    hm_map_begin(term, &map);
    if (!map.left)
        return constant_node(p, "#{}");
    if (depth == 1)
        return constant_node(p, "#{...}");
    struct children children = {new_node(p, NODE_MAP), 0};
    if (!children.parent)
        return 0;
    p->nodes[children.parent].length = 3;
    for (; !is_broken(p) && hm_map_next(&map, &key, &value); depth--) {
        if (depth == 1) {
            add_child(p, &children, dots_node(p));
            break;
        }
        uint32_t pair = new_node(p, NODE_PAIR);
        uint32_t first = pair ? measure(p, key, inner) : 0, second = first ? measure(p, value, inner) : 0;
        if (!second)
            break;
        p->nodes[pair].child = first;
        p->nodes[first].next = second;
        p->nodes[pair].length = p->nodes[first].length + 4 + p->nodes[second].length;
        add_child(p, &children, pair);
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

static struct printable printable_part(const struct pretty *p, struct bytes bytes, int64_t depth) {
    size_t length = bytes.size;
    if (depth >= 0 && (uint64_t)depth < length / 4 + 1)
        length = 4 * (size_t)depth < length ? 4 * (size_t)depth : length;
    if (!length)
        return (struct printable){0};
    return p->unicode ? unicode_part(bytes, length, depth) : latin1_part(bytes, length, depth);
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

static uint32_t measure_bits(struct pretty *p, hm_term term, int64_t depth) {
    struct bytes bytes;
    unsigned last_bits;
    size_t begin = p->text.size;
    view_bits(term.bytes, &bytes, &last_bits);
    if (!bytes.size)
        return constant_node(p, "<<>>");
    if (depth == 1)
        return constant_node(p, "<<...>>");
    struct printable part = {0};
    if (p->strings && last_bits == 8)
        part = printable_part(p, bytes, depth - 1);
    if (part.is_text) {
        writer_put(&p->text, "<<", 2);
        if (part.utf8)
            io_text_quote(&p->text, bytes.at, part.size, '"', false);
        else if (p->unicode && utf8_valid(bytes.at, part.size, NULL))
            io_text_quote(&p->text, bytes.at, part.size, '"', false);
        else
            quote_latin1(&p->text, bytes.at, part.size);
        const char *end = part.utf8 ? part.whole ? "/utf8>>" : "/utf8...>>" : part.whole ? ">>" : "...>>";
        writer_put(&p->text, end, strlen(end));
        return text_node(p, begin);
    }
    /* Written again when it is laid out; here only its length counts. */
    io_write_term(&p->text, term, depth, p->unicode);
    uint32_t n = text_node(p, begin);
    if (n) {
        p->nodes[n].kind = NODE_BITS;
        p->nodes[n].bits = term;
        p->nodes[n].depth = depth;
    }
    return n;
}

static uint32_t measure(struct pretty *p, hm_term term, int64_t depth) {
    size_t begin = p->text.size;
    if (is_broken(p))
        return 0;
    switch (hm_term_type(term)) {
    case HM_TYPE_LIST:
        return measure_list(p, term, depth);
    case HM_TYPE_TUPLE:
        return measure_tuple(p, term, depth);
    case HM_TYPE_MAP:
        return measure_map(p, term, depth);
    case HM_TYPE_BINARY:
    case HM_TYPE_BITSTRING:
        return measure_bits(p, term, depth);
    default:
        io_write_term(&p->text, term, -1, p->unicode);
        return text_node(p, begin);
    }
}

/* ---- what both passes over the tree ask ---- */

static bool is_leaf(const struct pretty *p, uint32_t n) {
    return p->nodes[n].kind == NODE_TEXT;
}

static bool is_leaf_pair(const struct pretty *p, uint32_t n) {
    return p->nodes[n].kind == NODE_PAIR && is_leaf(p, p->nodes[n].child) &&
           is_leaf(p, p->nodes[p->nodes[n].child].next);
}

/* Would it stand in this line as a whole? */
static bool fits(const struct pretty *p, uint32_t n, int64_t col, int64_t ld, int64_t w) {
    int64_t length = p->nodes[n].length;
    return length < p->ll - col - ld && length + w + ld <= p->max;
}

static int64_t last_depth(const struct pretty *p, uint32_t rest, int64_t ld) {
    return rest && !p->nodes[rest].tail ? 0 : ld + 1;
}

/* With the comma before it. */
static bool fits_behind(const struct pretty *p, uint32_t n, int64_t col, int64_t ld1, int64_t w) {
    int64_t length = 1 + p->nodes[n].length;
    if (ld1 == 0)
        return length + 1 < p->ll - col && w + length + 1 <= p->max;
    return length < p->ll - col - ld1 && w + length + ld1 <= p->max;
}

static bool fits_as_tail(const struct pretty *p, uint32_t n, int64_t col, int64_t ld, int64_t w) {
    int64_t length = p->nodes[n].length + 1;
    return length < p->ll - col - (ld + 1) && length + w + ld + 1 <= p->max && is_leaf(p, n);
}

/* ---- can tagged tuples be indented so? false: a line would begin behind its middle ---- */

static bool indent_any(const struct pretty *p, uint32_t n, int64_t col, int64_t ind, int64_t ld, int64_t w);

static bool indent_element(const struct pretty *p, uint32_t n, int64_t col, int64_t ind, int64_t ld, int64_t w,
                           int64_t *width) {
    bool leaf = fits(p, n, col, ld, w) && is_leaf(p, n);
    *width = leaf ? p->nodes[n].length : p->ll;
    return leaf || indent_any(p, n, col, ind, ld, w);
}

static bool indent_tail(const struct pretty *p, uint32_t n, int64_t col0, int64_t col, int64_t ind, int64_t ld,
                        int64_t w) {
    for (; n; n = p->nodes[n].next) {
        int64_t ld1 = last_depth(p, p->nodes[n].next, ld), width;
        if (p->nodes[n].tail)
            return p->nodes[n].kind == NODE_DOTS || fits_as_tail(p, n, col, ld, w) ||
                   indent_any(p, n, col, ind, ld + 1, 0);
        if (is_leaf(p, n) && fits_behind(p, n, col, ld1, w)) {
            col += 1 + p->nodes[n].length;
            w += 1 + p->nodes[n].length;
        } else {
            if (!indent_element(p, n, col0, ind, ld1, 0, &width))
                return false;
            col = col0 + width;
            w = width;
        }
    }
    return true;
}

static bool indent_list(const struct pretty *p, uint32_t n, int64_t col, int64_t ind, int64_t ld, int64_t w) {
    int64_t width;
    if (!n || p->nodes[n].kind == NODE_DOTS)
        return true;
    return indent_element(p, n, col, ind, last_depth(p, p->nodes[n].next, ld), w, &width) &&
           indent_tail(p, p->nodes[n].next, col, col + width, ind, ld, w + width);
}

static bool indent_tagged(const struct pretty *p, uint32_t n, int64_t col, int64_t ind, int64_t ld, int64_t w) {
    int64_t tag = p->nodes[n].length, below = tag + 2;
    uint32_t rest = p->nodes[n].next;
    if (ind > 0 && below > ind)
        return (p->max + col + ind <= p->ll || col + ind <= p->ll / 2) &&
               indent_tail(p, rest, col + ind, col + below, ind, ld, w + tag);
    return (p->max + col + below < p->ll || col + below < p->ll / 2) &&
           indent_list(p, rest, col + below, ind, ld, w + tag + 1);
}

static bool indent_pair(const struct pretty *p, uint32_t n, int64_t col, int64_t ind, int64_t ld, int64_t w,
                        int64_t *width) {
    uint32_t key = p->nodes[n].child;
    if (fits(p, n, col, ld, w)) {
        *width = is_leaf_pair(p, n) ? p->nodes[n].length : p->ll;
        return true;
    }
    *width = p->ll;
    return indent_any(p, key, col, ind, ld, w) &&
           indent_any(p, p->nodes[key].next, col + (ind > 0 ? ind : 4), ind, ld, 0);
}

static bool indent_map(const struct pretty *p, uint32_t n, int64_t col0, int64_t ind, int64_t ld, int64_t w) {
    int64_t col = col0, width;
    if (!n || !indent_pair(p, n, col0, ind, last_depth(p, p->nodes[n].next, ld), w, &width))
        return !n;
    col += width;
    w += width;
    for (n = p->nodes[n].next; n && p->nodes[n].kind == NODE_PAIR; n = p->nodes[n].next) {
        int64_t ld1 = last_depth(p, p->nodes[n].next, ld);
        if (is_leaf_pair(p, n) && fits_behind(p, n, col, ld1, w)) {
            col += 1 + p->nodes[n].length;
            w += 1 + p->nodes[n].length;
        } else {
            if (!indent_pair(p, n, col0, ind, ld1, 0, &width))
                return false;
            col = col0 + width;
            w = width;
        }
    }
    return true;
}

static bool indent_any(const struct pretty *p, uint32_t n, int64_t col, int64_t ind, int64_t ld, int64_t w) {
    uint32_t child = p->nodes[n].child;
    if (fits(p, n, col, ld, w))
        return true;
    switch (p->nodes[n].kind) {
    case NODE_LIST:
    case NODE_TUPLE:
        return indent_list(p, child, col + 1, ind, ld, w + 1);
    case NODE_TAGGED:
        return indent_tagged(p, child, col, ind, ld, w + 1);
    case NODE_MAP:
        return indent_map(p, child, col + 2, ind, ld, w + 2);
    default:
        return true;
    }
}

/* ---- writing ---- */

static void put(struct pretty *p, const char *text) {
    writer_put(p->out, text, strlen(text));
}

static void new_line(struct pretty *p, int64_t ind) {
    put(p, "\n");
    io_text_fill(p->out, ' ', (uint64_t)ind);
}

/* All in one line. */
static void write_node(struct pretty *p, uint32_t n) {
    const struct node *node = &p->nodes[n];
    static const char *const OPEN[] = {[NODE_LIST] = "[", [NODE_TUPLE] = "{", [NODE_TAGGED] = "{", [NODE_MAP] = "#{"};
    uint32_t child = node->child;
    switch (node->kind) {
    case NODE_TEXT:
    case NODE_BITS:
        if (node->size)
            writer_put(p->out, p->text.at + node->text, node->size);
        return;
    case NODE_DOTS:
        put(p, "...");
        return;
    case NODE_PAIR:
        write_node(p, child);
        put(p, " => ");
        write_node(p, p->nodes[child].next);
        return;
    default:
        put(p, OPEN[node->kind]);
        for (bool first = true; child && !p->out->error; child = p->nodes[child].next, first = false) {
            if (!first)
                put(p, p->nodes[child].tail && node->kind == NODE_LIST ? "|" : ",");
            write_node(p, child);
        }
        put(p, node->kind == NODE_LIST ? "]" : "}");
    }
}

static void pp_any(struct pretty *p, uint32_t n, int64_t col, int64_t ind, int64_t ld, int64_t w);

/* How much of the line it took; the whole line when something must not follow on it. */
static int64_t pp_element(struct pretty *p, uint32_t n, int64_t col, int64_t ind, int64_t ld, int64_t w) {
    if (fits(p, n, col, ld, w) && is_leaf(p, n)) {
        write_node(p, n);
        return p->nodes[n].length;
    }
    pp_any(p, n, col, ind, ld, w);
    return p->ll;
}

static void pp_tail(struct pretty *p, uint32_t n, int64_t col0, int64_t col, int64_t ind, int64_t ld,
                    const char *separator, int64_t w) {
    for (; n && !p->out->error; n = p->nodes[n].next) {
        int64_t ld1 = last_depth(p, p->nodes[n].next, ld);
        if (p->nodes[n].tail) {
            put(p, separator);
            if (p->nodes[n].kind == NODE_DOTS || fits_as_tail(p, n, col, ld, w)) {
                write_node(p, n);
            } else {
                new_line(p, ind);
                pp_any(p, n, col0, ind, ld + 1, 0);
            }
            return;
        }
        put(p, ",");
        if (is_leaf(p, n) && fits_behind(p, n, col, ld1, w)) {
            write_node(p, n);
            col += 1 + p->nodes[n].length;
            w += 1 + p->nodes[n].length;
        } else {
            new_line(p, ind);
            w = pp_element(p, n, col0, ind, ld1, 0);
            col = col0 + w;
        }
    }
}

static void pp_list(struct pretty *p, uint32_t n, int64_t col, int64_t ind, int64_t ld, const char *separator,
                    int64_t w) {
    if (!n || p->nodes[n].kind == NODE_DOTS) {
        put(p, "...");
        return;
    }
    int64_t width = pp_element(p, n, col, ind, last_depth(p, p->nodes[n].next, ld), w);
    pp_tail(p, p->nodes[n].next, col, col + width, ind, ld, separator, w + width);
}

static void pp_tagged(struct pretty *p, uint32_t n, int64_t col, int64_t ind, int64_t ld, int64_t w) {
    int64_t tag = p->nodes[n].length, below = tag + 2;
    uint32_t rest = p->nodes[n].next;
    write_node(p, n);
    if (p->tind > 0 && below > p->tind) {
        pp_tail(p, rest, col + p->tind, col + below, ind + p->tind, ld, ",", w + tag);
    } else {
        put(p, ",");
        pp_list(p, rest, col + below, ind + below, ld, ",", w + tag + 1);
    }
}

static int64_t pp_pair(struct pretty *p, uint32_t n, int64_t col, int64_t ind, int64_t ld, int64_t w) {
    uint32_t key = p->nodes[n].child;
    if (fits(p, n, col, ld, w)) {
        write_node(p, n);
        return is_leaf_pair(p, n) ? p->nodes[n].length : p->ll;
    }
    int64_t more = p->tind > 0 ? p->tind : 4;
    pp_any(p, key, col, ind, ld, w);
    put(p, " =>");
    new_line(p, ind + more);
    pp_any(p, p->nodes[key].next, col + more, ind + more, ld, 0);
    return p->ll;
}

static void pp_map(struct pretty *p, uint32_t n, int64_t col0, int64_t ind, int64_t ld, int64_t w) {
    w = pp_pair(p, n, col0, ind, last_depth(p, p->nodes[n].next, ld), w);
    int64_t col = col0 + w;
    for (n = p->nodes[n].next; n && !p->out->error; n = p->nodes[n].next) {
        int64_t ld1 = last_depth(p, p->nodes[n].next, ld);
        put(p, ",");
        if (p->nodes[n].kind == NODE_DOTS) {
            write_node(p, n);
        } else if (is_leaf_pair(p, n) && fits_behind(p, n, col, ld1, w)) {
            write_node(p, n);
            col += 1 + p->nodes[n].length;
            w += 1 + p->nodes[n].length;
        } else {
            new_line(p, ind);
            w = pp_pair(p, n, col0, ind, ld1, 0);
            col = col0 + w;
        }
    }
}

/* Numbers between << and >>, as many in a line as fit, at least 8 columns. */
static void pp_bits(struct pretty *p, const struct node *node, int64_t col, int64_t ind, int64_t ld, int64_t w) {
    int64_t room = p->ll - col < p->max - 4 - w ? p->ll - col : p->max - 4 - w;
    const char *at = (const char *)p->text.at + node->text + 2, *end = at + node->size - 4;
    room -= ld;
    room = room < 8 ? 8 : room;
    put(p, "<<");
    for (int64_t left = room; at < end && !p->out->error;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        int64_t size = (comma ? comma + 1 : end) - at;
        if (size > left) {
            new_line(p, ind);
            left = room;
        }
        left -= size;
        writer_put(p->out, at, (size_t)size);
        at += size;
    }
    put(p, ">>");
}

static void pp_any(struct pretty *p, uint32_t n, int64_t col, int64_t ind, int64_t ld, int64_t w) {
    const struct node *node = &p->nodes[n];
    if (p->out->error)
        return;
    if (fits(p, n, col, ld, w)) {
        write_node(p, n);
        return;
    }
    switch (node->kind) {
    case NODE_LIST:
        put(p, "[");
        pp_list(p, node->child, col + 1, ind + 1, ld, "|", w + 1);
        put(p, "]");
        break;
    case NODE_TUPLE:
        put(p, "{");
        pp_list(p, node->child, col + 1, ind + 1, ld, ",", w + 1);
        put(p, "}");
        break;
    case NODE_TAGGED:
        put(p, "{");
        pp_tagged(p, node->child, col, ind, ld, w + 1);
        put(p, "}");
        break;
    case NODE_MAP:
        put(p, "#{");
        pp_map(p, node->child, col + 2, ind + 2, ld, w + 1);
        put(p, "}");
        break;
    case NODE_BITS:
        pp_bits(p, node, col + 2, ind + 2, ld, w);
        break;
    default:
        write_node(p, n);
    }
}

static void lay_out(struct pretty *p, uint32_t root, int64_t col) {
    static const int64_t INDENTS[] = {-1, 4};
    p->max = p->nodes[root].length;
    if (p->ll == 0 || p->nodes[root].length < p->ll - col) {
        write_node(p, root);
        return;
    }
    p->tind = 1;
    for (size_t i = sizeof INDENTS / sizeof *INDENTS; i-- > 0;)
        if (indent_any(p, root, col, INDENTS[i], 0, 0))
            p->tind = INDENTS[i];
    pp_any(p, root, col, col - 1, 0, 0);
}

int io_pretty_term(struct writer *out, hm_term term, const struct io_pretty_style *style) {
    struct pretty p = {.out = out, .unicode = style->unicode, .strings = style->strings, .ll = style->line_length};
    enum hm_type type = hm_term_type(term);
    if (style->depth == 0) {
        writer_put(out, "...", 3);
        return out->error;
    }
    if (type != HM_TYPE_TUPLE && type != HM_TYPE_LIST && type != HM_TYPE_MAP && type != HM_TYPE_BINARY &&
        type != HM_TYPE_BITSTRING) {
        io_write_term(out, term, -1, type == HM_TYPE_ATOM ? style->unicode : true);
        return out->error;
    }
    writer_init(&p.text, out->cap);
    uint32_t root = measure(&p, term, style->depth);
    if (p.failed || p.text.error == HM_ENOMEM)
        out->error = HM_ENOMEM;
    else if (p.full || p.text.error || !root)
        io_write_term(out, term, style->depth, style->unicode);
    else
        lay_out(&p, root, style->column < 1 ? 1 : style->column);
    writer_fini(&p.text);
    free(p.nodes);
    return out->error;
}
