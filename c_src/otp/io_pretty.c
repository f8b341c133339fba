/*
 * Two passes, as in io_lib_pretty.erl: io_tree makes a tree of what will be written, with the number of
 * characters of each part; pp_*() writes it, a part in one line where it fits, else its elements below each
 * other. Between them indent_*() looks for an indentation of tagged tuples with which no line gets too
 * narrow.
 *
 * Names follow the Erlang: ll, the line's length; max, the most characters on one line; col, the column; ld,
 * how many brackets will be closed behind the part; w, what is written on this line already, without
 * indentation.
 */
#include "otp/io_pretty.h"

#include "otp/io_text.h"
#include "otp/io_tree.h"

struct pretty {
    struct writer *out;
    struct io_tree tree;
    int64_t ll, max, tind;
};

/* ---- what both passes over the tree ask ---- */

static bool is_leaf(const struct pretty *p, uint32_t n) {
    return p->tree.nodes[n].kind == NODE_TEXT;
}

static bool is_leaf_pair(const struct pretty *p, uint32_t n) {
    return p->tree.nodes[n].kind == NODE_PAIR && is_leaf(p, p->tree.nodes[n].child) &&
           is_leaf(p, p->tree.nodes[p->tree.nodes[n].child].next);
}

/* Would it stand in this line as a whole? */
static bool fits(const struct pretty *p, uint32_t n, int64_t col, int64_t ld, int64_t w) {
    int64_t length = p->tree.nodes[n].length;
    return length < p->ll - col - ld && length + w + ld <= p->max;
}

static int64_t last_depth(const struct pretty *p, uint32_t rest, int64_t ld) {
    return rest && !p->tree.nodes[rest].tail ? 0 : ld + 1;
}

/* With the comma before it. */
static bool fits_behind(const struct pretty *p, uint32_t n, int64_t col, int64_t ld1, int64_t w) {
    int64_t length = 1 + p->tree.nodes[n].length;
    if (ld1 == 0)
        return length + 1 < p->ll - col && w + length + 1 <= p->max;
    return length < p->ll - col - ld1 && w + length + ld1 <= p->max;
}

static bool fits_as_tail(const struct pretty *p, uint32_t n, int64_t col, int64_t ld, int64_t w) {
    int64_t length = p->tree.nodes[n].length + 1;
    return length < p->ll - col - (ld + 1) && length + w + ld + 1 <= p->max && is_leaf(p, n);
}

/* ---- can tagged tuples be indented so? false: a line would begin behind its middle ---- */

static bool indent_any(const struct pretty *p, uint32_t n, int64_t col, int64_t ind, int64_t ld, int64_t w);

static bool indent_element(const struct pretty *p, uint32_t n, int64_t col, int64_t ind, int64_t ld,
                           int64_t w, int64_t *width) {
    bool leaf = fits(p, n, col, ld, w) && is_leaf(p, n);
    *width = leaf ? p->tree.nodes[n].length : p->ll;
    return leaf || indent_any(p, n, col, ind, ld, w);
}

static bool indent_tail(const struct pretty *p, uint32_t n, int64_t col0, int64_t col, int64_t ind,
                        int64_t ld, int64_t w) {
    for (; n; n = p->tree.nodes[n].next) {
        int64_t ld1 = last_depth(p, p->tree.nodes[n].next, ld), width;
        if (p->tree.nodes[n].tail)
            return p->tree.nodes[n].kind == NODE_DOTS || fits_as_tail(p, n, col, ld, w) ||
                   indent_any(p, n, col, ind, ld + 1, 0);
        if (is_leaf(p, n) && fits_behind(p, n, col, ld1, w)) {
            col += 1 + p->tree.nodes[n].length;
            w += 1 + p->tree.nodes[n].length;
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
    if (!n || p->tree.nodes[n].kind == NODE_DOTS)
        return true;
    return indent_element(p, n, col, ind, last_depth(p, p->tree.nodes[n].next, ld), w, &width) &&
           indent_tail(p, p->tree.nodes[n].next, col, col + width, ind, ld, w + width);
}

static bool indent_tagged(const struct pretty *p, uint32_t n, int64_t col, int64_t ind, int64_t ld,
                          int64_t w) {
    int64_t tag = p->tree.nodes[n].length, below = tag + 2;
    uint32_t rest = p->tree.nodes[n].next;
    if (ind > 0 && below > ind)
        return (p->max + col + ind <= p->ll || col + ind <= p->ll / 2) &&
               indent_tail(p, rest, col + ind, col + below, ind, ld, w + tag);
    return (p->max + col + below < p->ll || col + below < p->ll / 2) &&
           indent_list(p, rest, col + below, ind, ld, w + tag + 1);
}

static bool indent_pair(const struct pretty *p, uint32_t n, int64_t col, int64_t ind, int64_t ld, int64_t w,
                        int64_t *width) {
    uint32_t key = p->tree.nodes[n].child;
    if (fits(p, n, col, ld, w)) {
        *width = is_leaf_pair(p, n) ? p->tree.nodes[n].length : p->ll;
        return true;
    }
    *width = p->ll;
    return indent_any(p, key, col, ind, ld, w) &&
           indent_any(p, p->tree.nodes[key].next, col + (ind > 0 ? ind : 4), ind, ld, 0);
}

static bool indent_map(const struct pretty *p, uint32_t n, int64_t col0, int64_t ind, int64_t ld, int64_t w) {
    int64_t col = col0, width;
    if (!n || !indent_pair(p, n, col0, ind, last_depth(p, p->tree.nodes[n].next, ld), w, &width))
        return !n;
    col += width;
    w += width;
    for (n = p->tree.nodes[n].next; n && p->tree.nodes[n].kind == NODE_PAIR; n = p->tree.nodes[n].next) {
        int64_t ld1 = last_depth(p, p->tree.nodes[n].next, ld);
        if (is_leaf_pair(p, n) && fits_behind(p, n, col, ld1, w)) {
            col += 1 + p->tree.nodes[n].length;
            w += 1 + p->tree.nodes[n].length;
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
    uint32_t child = p->tree.nodes[n].child;
    if (fits(p, n, col, ld, w))
        return true;
    switch (p->tree.nodes[n].kind) {
    case NODE_LIST:
    case NODE_TUPLE: return indent_list(p, child, col + 1, ind, ld, w + 1);
    case NODE_TAGGED: return indent_tagged(p, child, col, ind, ld, w + 1);
    case NODE_MAP: return indent_map(p, child, col + 2, ind, ld, w + 2);
    default: return true;
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
    const struct io_node *node = &p->tree.nodes[n];
    static const char *const OPEN[] = {
        [NODE_LIST] = "[", [NODE_TUPLE] = "{", [NODE_TAGGED] = "{", [NODE_MAP] = "#{"};
    uint32_t child = node->child;
    switch (node->kind) {
    case NODE_TEXT:
    case NODE_BITS:
        if (node->size)
            writer_put(p->out, p->tree.text.at + node->text, node->size);
        return;
    case NODE_DOTS: put(p, "..."); return;
    case NODE_PAIR:
        write_node(p, child);
        put(p, " => ");
        write_node(p, p->tree.nodes[child].next);
        return;
    default:
        put(p, OPEN[node->kind]);
        for (bool first = true; child && !p->out->error; child = p->tree.nodes[child].next, first = false) {
            if (!first)
                put(p, p->tree.nodes[child].tail && node->kind == NODE_LIST ? "|" : ",");
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
        return p->tree.nodes[n].length;
    }
    pp_any(p, n, col, ind, ld, w);
    return p->ll;
}

static void pp_tail(struct pretty *p, uint32_t n, int64_t col0, int64_t col, int64_t ind, int64_t ld,
                    const char *separator, int64_t w) {
    for (; n && !p->out->error; n = p->tree.nodes[n].next) {
        int64_t ld1 = last_depth(p, p->tree.nodes[n].next, ld);
        if (p->tree.nodes[n].tail) {
            put(p, separator);
            if (p->tree.nodes[n].kind == NODE_DOTS || fits_as_tail(p, n, col, ld, w)) {
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
            col += 1 + p->tree.nodes[n].length;
            w += 1 + p->tree.nodes[n].length;
        } else {
            new_line(p, ind);
            w = pp_element(p, n, col0, ind, ld1, 0);
            col = col0 + w;
        }
    }
}

static void pp_list(struct pretty *p, uint32_t n, int64_t col, int64_t ind, int64_t ld, const char *separator,
                    int64_t w) {
    if (!n || p->tree.nodes[n].kind == NODE_DOTS) {
        put(p, "...");
        return;
    }
    int64_t width = pp_element(p, n, col, ind, last_depth(p, p->tree.nodes[n].next, ld), w);
    pp_tail(p, p->tree.nodes[n].next, col, col + width, ind, ld, separator, w + width);
}

static void pp_tagged(struct pretty *p, uint32_t n, int64_t col, int64_t ind, int64_t ld, int64_t w) {
    int64_t tag = p->tree.nodes[n].length, below = tag + 2;
    uint32_t rest = p->tree.nodes[n].next;
    write_node(p, n);
    if (p->tind > 0 && below > p->tind) {
        pp_tail(p, rest, col + p->tind, col + below, ind + p->tind, ld, ",", w + tag);
    } else {
        put(p, ",");
        pp_list(p, rest, col + below, ind + below, ld, ",", w + tag + 1);
    }
}

static int64_t pp_pair(struct pretty *p, uint32_t n, int64_t col, int64_t ind, int64_t ld, int64_t w) {
    uint32_t key = p->tree.nodes[n].child;
    if (fits(p, n, col, ld, w)) {
        write_node(p, n);
        return is_leaf_pair(p, n) ? p->tree.nodes[n].length : p->ll;
    }
    int64_t more = p->tind > 0 ? p->tind : 4;
    pp_any(p, key, col, ind, ld, w);
    put(p, " =>");
    new_line(p, ind + more);
    pp_any(p, p->tree.nodes[key].next, col + more, ind + more, ld, 0);
    return p->ll;
}

static void pp_map(struct pretty *p, uint32_t n, int64_t col0, int64_t ind, int64_t ld, int64_t w) {
    w = pp_pair(p, n, col0, ind, last_depth(p, p->tree.nodes[n].next, ld), w);
    int64_t col = col0 + w;
    for (n = p->tree.nodes[n].next; n && !p->out->error; n = p->tree.nodes[n].next) {
        int64_t ld1 = last_depth(p, p->tree.nodes[n].next, ld);
        put(p, ",");
        if (p->tree.nodes[n].kind == NODE_DOTS) {
            write_node(p, n);
        } else if (is_leaf_pair(p, n) && fits_behind(p, n, col, ld1, w)) {
            write_node(p, n);
            col += 1 + p->tree.nodes[n].length;
            w += 1 + p->tree.nodes[n].length;
        } else {
            new_line(p, ind);
            w = pp_pair(p, n, col0, ind, ld1, 0);
            col = col0 + w;
        }
    }
}

/* Numbers between << and >>, as many in a line as fit, at least 8 columns. */
static void pp_bits(struct pretty *p, const struct io_node *node, int64_t col, int64_t ind, int64_t ld,
                    int64_t w) {
    int64_t room = p->ll - col < p->max - 4 - w ? p->ll - col : p->max - 4 - w;
    const char *at = (const char *)p->tree.text.at + node->text + 2, *end = at + node->size - 4;
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
    const struct io_node *node = &p->tree.nodes[n];
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
    case NODE_BITS: pp_bits(p, node, col + 2, ind + 2, ld, w); break;
    default: write_node(p, n);
    }
}

static void lay_out(struct pretty *p, uint32_t root, int64_t col) {
    static const int64_t INDENTS[] = {-1, 4};
    p->max = p->tree.nodes[root].length;
    if (p->ll == 0 || p->tree.nodes[root].length < p->ll - col) {
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
    struct pretty p = {.out = out, .ll = style->line_length};
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
    io_tree_init(&p.tree, out->cap, style->unicode, style->strings);
    uint32_t root = io_tree_measure(&p.tree, term, style->depth);
    if (p.tree.no_memory || p.tree.text.error == HM_ENOMEM)
        out->error = HM_ENOMEM;
    else if (p.tree.full || p.tree.text.error || !root)
        io_write_term(out, term, style->depth, style->unicode);
    else
        lay_out(&p, root, style->column < 1 ? 1 : style->column);
    io_tree_fini(&p.tree);
    return out->error;
}
