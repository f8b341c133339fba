#include "otp/gen_message.h"

#include "etf/ids.h"
#include "etf/view.h"

/* SMALL_TUPLE_EXT, arity, SMALL_ATOM_UTF8_EXT, length, text: what OTP 22 and later put on the wire. */
static const uint8_t CAST[] = {104, 2, 119, 9, '$', 'g', 'e', 'n', '_', 'c', 'a', 's', 't'};
static const uint8_t CALL[] = {104, 3, 119, 9, '$', 'g', 'e', 'n', '_', 'c', 'a', 'l', 'l'};
static const uint8_t SYSTEM[] = {104, 3, 119, 6, 's', 'y', 's', 't', 'e', 'm'};
static const uint8_t EXIT[] = {104, 3, 119, 4, 'E', 'X', 'I', 'T'};
static const uint8_t ALIAS[] = {119, 5, 'a', 'l', 'i', 'a', 's'};

static inline bool starts_with(hm_term term, const uint8_t *prefix, size_t size) {
    return term.size > size && memcmp(term.bytes, prefix, size) == 0;
}

static hm_term cut(const uint8_t *at) {
    return (hm_term){at, (size_t)(view_skip(at) - at)};
}

static hm_term rest_of(hm_term term, const uint8_t *at) {
    return (hm_term){at, (size_t)(term.bytes + term.size - at)};
}

/* A tuple of this arity whose first element is this atom, in whatever encoding: its second element, or NULL.
 */
static const uint8_t *after_atom(hm_term term, long arity, const char *text) {
    const uint8_t *at;
    if (view_tuple(term.bytes, &at) != arity || !view_is_atom_tag(at[0]))
        return NULL;
    hm_term atom = cut(at);
    return hm_is_atom(atom, text) ? at + atom.size : NULL;
}

/* Tuples whose first element is an atom in another encoding than the prefixes above have. */
static bool needs_slow_way(hm_term term) {
    const uint8_t *at;
    if (term.bytes[0] != ETF_SMALL_TUPLE && term.bytes[0] != ETF_LARGE_TUPLE)
        return false;
    long arity = view_tuple(term.bytes, &at);
    return (arity == 2 || arity == 3) && view_is_atom_tag(at[0]) &&
           (at[0] != ETF_SMALL_ATOM_UTF8 || term.bytes[0] == ETF_LARGE_TUPLE);
}

/* [alias | Ref] at `at`: exactly one element and a reference as tail. */
static bool read_alias_pair(struct names *names, const uint8_t *at, hm_ref *alias) {
    if (at[0] != ETF_LIST || get_be32(at + 1) != 1)
        return false;
    at += 5;
    if (memcmp(at, ALIAS, sizeof ALIAS) != 0 && !(view_is_atom_tag(at[0]) && hm_is_atom(cut(at), "alias")))
        return false;
    return ref_decode(names, cut(view_skip(at)), alias);
}

/* gen:reply/2: an alias tag is [alias | Ref] (call) or [[alias | Ref] | _] (multi_call since OTP 26). */
static bool read_alias(struct names *names, const uint8_t *tag, hm_ref *alias) {
    if (tag[0] != ETF_LIST || get_be32(tag + 1) == 0)
        return false;
    return read_alias_pair(names, tag[5] == ETF_LIST ? tag + 5 : tag, alias);
}

/* From at `at`; *end is the first byte after it. */
static bool read_from(struct names *names, const uint8_t *at, struct hm_from *from, const uint8_t **end) {
    const uint8_t *pid;
    if (view_tuple(at, &pid) != 2)
        return false;
    const uint8_t *tag = view_skip(pid);
    if (!pid_decode(names, (hm_term){pid, (size_t)(tag - pid)}, &from->pid))
        return false;
    from->tag = cut(tag);
    from->by_alias = read_alias(names, tag, &from->alias);
    from->server = NULL;
    *end = tag + from->tag.size;
    return true;
}

bool gen_from_read(struct names *names, hm_term term, struct hm_from *from) {
    const uint8_t *end;
    return read_from(names, term.bytes, from, &end);
}

static enum gen_kind read_request(struct names *names, hm_term message, const uint8_t *at, enum gen_kind kind,
                                  hm_term *body, struct hm_from *from) {
    const uint8_t *request;
    if (!read_from(names, at, from, &request)) {
        *body = message;
        return GEN_MALFORMED;
    }
    *body = rest_of(message, request);
    return kind;
}

enum gen_kind gen_message_read(struct names *names, hm_term message, hm_term *body, struct hm_from *from) {
    if (starts_with(message, CAST, sizeof CAST)) {
        *body = rest_of(message, message.bytes + sizeof CAST);
        return GEN_CAST;
    }
    if (starts_with(message, CALL, sizeof CALL))
        return read_request(names, message, message.bytes + sizeof CALL, GEN_CALL, body, from);
    if (starts_with(message, SYSTEM, sizeof SYSTEM))
        return read_request(names, message, message.bytes + sizeof SYSTEM, GEN_SYSTEM, body, from);
    if (needs_slow_way(message)) {
        const uint8_t *at;
        if ((at = after_atom(message, 2, "$gen_cast"))) {
            *body = rest_of(message, at);
            return GEN_CAST;
        }
        if ((at = after_atom(message, 3, "$gen_call")))
            return read_request(names, message, at, GEN_CALL, body, from);
        if ((at = after_atom(message, 3, "system")))
            return read_request(names, message, at, GEN_SYSTEM, body, from);
    }
    *body = message;
    return GEN_INFO;
}

bool gen_message_is_system(hm_term message) {
    return starts_with(message, SYSTEM, sizeof SYSTEM) ||
           (needs_slow_way(message) && after_atom(message, 3, "system") != NULL);
}

bool gen_message_read_exit(struct names *names, hm_term message, hm_pid *pid, hm_term *reason) {
    if (!starts_with(message, EXIT, sizeof EXIT))
        return false; /* the runtime makes these itself, in this encoding */
    hm_term who = cut(message.bytes + sizeof EXIT);
    *reason = rest_of(message, who.bytes + who.size);
    return pid_decode(names, who, pid);
}
