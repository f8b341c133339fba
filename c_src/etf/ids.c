#include "etf/ids.h"

#include "etf/view.h"

static __attribute__((noinline)) const hm_node_name *intern_old_node(struct names *names, const uint8_t *atom) {
    char room[2 * 255];
    struct bytes text = view_atom_utf8(atom, room);
    return names_intern(names, (const char *)text.at, text.size);
}

/* The first is what all releases that we talk to write. */
static const hm_node_name *intern_node(struct names *names, const uint8_t *atom) {
    return atom[0] == ETF_SMALL_ATOM_UTF8 ? names_intern(names, (const char *)atom + 2, atom[1]) : intern_old_node(names, atom);
}

bool pid_decode(struct names *names, hm_term term, hm_pid *pid) {
    struct id id;
    if (!term.size || view_type(term.bytes) != HM_TYPE_PID || !view_id(term.bytes, &id))
        return false;
    const hm_node_name *node = intern_node(names, id.node);
    if (!node)
        return false;
    *pid = (hm_pid){node, id.words[0], id.words[1], id.creation};
    return true;
}

bool ref_decode(struct names *names, hm_term term, hm_ref *ref) {
    struct id id;
    if (!term.size || view_type(term.bytes) != HM_TYPE_REFERENCE || !view_id(term.bytes, &id))
        return false;
    const hm_node_name *node = intern_node(names, id.node);
    if (!node)
        return false;
    *ref = (hm_ref){.node = node, .creation = id.creation, .words = id.count};
    memcpy(ref->id, id.words, id.count * sizeof id.words[0]);
    return true;
}

bool id_node_decode(struct names *names, hm_term term, const hm_node_name **node) {
    struct id id;
    if (!term.size || !view_id(term.bytes, &id))
        return false;
    const hm_node_name *found = intern_node(names, id.node);
    if (!found)
        return false;
    *node = found;
    return true;
}

static uint8_t *put_node(uint8_t *out, const hm_node_name *name) {
    struct bytes atom = node_name_encoded(name);
    memcpy(out, atom.at, atom.size);
    return out + atom.size;
}

size_t pid_size(hm_pid pid) {
    return 1 + node_name_encoded(pid.node).size + 12;
}

size_t pid_encode(hm_pid pid, uint8_t *out) {
    uint8_t *p = out;
    *p++ = ETF_NEW_PID;
    p = put_node(p, pid.node);
    set_be32(p, pid.id);
    set_be32(p + 4, pid.serial);
    set_be32(p + 8, pid.creation);
    return (size_t)(p + 12 - out);
}

size_t ref_size(const hm_ref *ref) {
    return 3 + node_name_encoded(ref->node).size + 4 + 4 * (size_t)ref->words;
}

size_t ref_encode(const hm_ref *ref, uint8_t *out) {
    uint8_t *p = out;
    *p = ETF_NEWER_REFERENCE;
    set_be16(p + 1, (uint16_t)ref->words);
    p = put_node(p + 3, ref->node);
    set_be32(p, ref->creation);
    p += 4;
    for (uint32_t i = 0; i < ref->words; i++, p += 4)
        set_be32(p, ref->id[i]);
    return (size_t)(p - out);
}

size_t atom_encode(struct bytes text, uint8_t *out) {
    size_t head = 2;
    out[0] = ETF_SMALL_ATOM_UTF8;
    out[1] = (uint8_t)text.size;
    if (text.size > 255) {
        out[0] = ETF_ATOM_UTF8;
        set_be16(out + 1, (uint16_t)text.size);
        head = 3;
    }
    if (text.size)
        memcpy(out + head, text.at, text.size);
    return head + text.size;
}

/* Public functions of term.h are defined where their work is done: api would only call through. */
HM_API bool hm_pid_equal(hm_pid a, hm_pid b) {
    return a.node == b.node && a.id == b.id && a.serial == b.serial && a.creation == b.creation;
}

HM_API bool hm_ref_equal(const hm_ref *a, const hm_ref *b) {
    return a->node == b->node && a->creation == b->creation && a->words == b->words &&
           memcmp(a->id, b->id, a->words * sizeof a->id[0]) == 0;
}
