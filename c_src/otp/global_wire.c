#include "otp/global_wire.h"

#include <string.h>

#include "etf/ids.h"
#include "etf/view.h"

/* ---- parts ---- */

static bool read_node(struct names *names, struct hm_text text, const hm_node_name **node) {
    const char *at = memchr(text.at, '@', text.size);
    *node = at && at != text.at ? names_intern(names, text.at, text.size) : NULL;
    return *node != NULL;
}

static bool read_node_term(struct names *names, hm_term term, const hm_node_name **node) {
    struct hm_text text;
    return hm_get_atom(term, &text) && read_node(names, text, node);
}

/* Tags are small integers; undefined is the tag of a session that is over. */
static bool read_tag(hm_term term, bool *has, int64_t *tag) {
    *has = hm_get_int64(term, tag);
    return *has || hm_is_atom(term, "undefined");
}

static bool is_list(hm_term term) {
    struct hm_list list;
    return hm_list_begin(term, &list);
}

/* {Version, Tag}, or a longer tuple of a later protocol. */
static bool read_version(hm_term term, int64_t *version, int64_t *tag) {
    const uint8_t *elements;
    if (view_tuple(term.bytes, &elements) < 2)
        return false;
    const uint8_t *second = view_skip(elements), *end = view_skip(second);
    return hm_get_int64((hm_term){elements, (size_t)(second - elements)}, version) &&
           hm_get_int64((hm_term){second, (size_t)(end - second)}, tag);
}

/* ---- casts ---- */

static bool read_init_connect(struct names *names, struct global_message *m, hm_term version, struct hm_text node,
                              hm_term locker) {
    hm_term pid;
    m->kind = GLOBAL_INIT_CONNECT;
    m->has_tag = true;
    return read_version(version, &m->version, &m->tag) && read_node(names, node, &m->node) &&
           hm_match(locker, "{locker, _, _, ~t}", &pid) && pid_decode(names, pid, &m->pid);
}

static bool read_lock_set(struct names *names, struct global_message *m, hm_term pid, hm_term flag) {
    m->kind = GLOBAL_LOCK_SET;
    return pid_decode(names, pid, &m->pid) && hm_get_bool(flag, &m->flag);
}

/* [..., {lock, {global, Requester}}, ...] */
static void read_extra(hm_term extra, hm_term *requester) {
    struct hm_list list;
    hm_term element;
    if (!hm_list_begin(extra, &list))
        return;
    while (hm_list_next(&list, &element))
        if (hm_match(element, "{lock, {global, ~t}}", requester))
            return;
    *requester = (hm_term){0};
}

bool global_read_cast(struct names *names, hm_term term, struct global_message *m) {
    struct hm_text node;
    hm_term a, b, c, tag;
    bool good = false;
    *m = (struct global_message){0};
    if (hm_match(term, "{init_connect, ~t, ~a, ~t}", &a, &node, &b)) {
        good = read_init_connect(names, m, a, node, b);
    } else if (hm_match(term, "{lock_set, ~t, ~t, _, ~t}", &a, &b, &tag)) {
        good = read_lock_set(names, m, a, b) && read_tag(tag, &m->has_tag, &m->tag);
    } else if (hm_match(term, "{lock_set, ~t, ~t, _}", &a, &b)) {
        good = read_lock_set(names, m, a, b);
    } else if (hm_match(term, "{exchange, ~a, ~t, _, ~t}", &node, &m->names, &tag)) {
        m->kind = GLOBAL_EXCHANGE;
        good = read_node(names, node, &m->node) && is_list(m->names) && read_tag(tag, &m->has_tag, &m->tag);
    } else if (hm_match(term, "{resolved, ~a, ~t, ~t, _, ~t, ~t}", &node, &m->ops, &m->known, &m->ext, &tag)) {
        m->kind = GLOBAL_RESOLVED;
        good = read_node(names, node, &m->node) && is_list(m->ops) && is_list(m->known) && is_list(m->ext) &&
               read_tag(tag, &m->has_tag, &m->tag);
    } else if (hm_match(term, "{new_nodes, ~a, ~t, ~t, ~t, ~t}", &node, &m->ops, &m->ext, &m->known, &c)) {
        m->kind = GLOBAL_NEW_NODES;
        read_extra(c, &m->requester);
        good = read_node(names, node, &m->node) && is_list(m->ops) && is_list(m->known) && is_list(m->ext);
    } else if (hm_match(term, "{in_sync, ~a, ~t}", &node, &tag)) {
        m->kind = GLOBAL_IN_SYNC;
        m->flag = !hm_is_atom(tag, "false");
        good = read_node(names, node, &m->node);
    } else if (hm_match(term, "{async_del_name, _, _}") || hm_match(term, "{async_del_lock, _, _}")) {
        m->kind = GLOBAL_OBSOLETE;
        good = true;
    }
    if (!good)
        m->kind = GLOBAL_UNKNOWN;
    return good;
}

/* ---- plain messages ---- */

bool global_read_plain(struct names *names, hm_term term, struct global_message *m) {
    struct hm_text node, other;
    hm_term a, b;
    bool good = false;
    *m = (struct global_message){0};
    if (hm_match(term, "{init_connect_ack, ~a, ~t, ~t}", &node, &a, &b)) {
        m->kind = GLOBAL_INIT_CONNECT_ACK;
        good = read_node(names, node, &m->node) && read_tag(a, &m->has_tag, &m->tag) &&
               read_tag(b, &m->has_his_tag, &m->his_tag);
    } else if (hm_match(term, "{cancel_connect, ~a, ~t}", &node, &a)) {
        m->kind = GLOBAL_CANCEL_CONNECT;
        good = read_node(names, node, &m->node) && read_tag(a, &m->has_tag, &m->tag);
    } else if (hm_match(term, "{lost_connection, ~a, ~i, ~i, ~a}", &node, &m->creation, &m->operation, &other)) {
        m->kind = GLOBAL_LOST_CONNECTION;
        good = read_node(names, node, &m->node) && read_node(names, other, &m->other);
    } else if (hm_match(term, "{remove_connection, ~a}", &node)) {
        m->kind = GLOBAL_REMOVE_CONNECTION;
        good = read_node(names, node, &m->node);
    } else if (hm_match(term, "{whereis, ~t, ~t}", &m->name, &m->client)) {
        m->kind = GLOBAL_WHEREIS;
        good = true;
    } else if (hm_match(term, "{{global_names, ~a}, ~t}", &node, &a)) {
        m->kind = GLOBAL_WHEREIS_ANSWER;
        m->flag = !hm_is_atom(a, "undefined");
        good = read_node(names, node, &m->node);
    }
    if (!good)
        m->kind = GLOBAL_UNKNOWN;
    return good;
}

/* ---- calls ---- */

bool global_read_call(struct names *names, hm_term term, struct global_message *m) {
    static const struct {
        const char *atom;
        enum global_kind kind;
    } BARE[] = {{"get_known", GLOBAL_GET_KNOWN},
                {"get_synced", GLOBAL_GET_SYNCED},
                {"get_protocol_version", GLOBAL_GET_VERSION},
                {"get_names_ext", GLOBAL_GET_NAMES_EXT},
                {"info", GLOBAL_INFO},
                {"disconnect", GLOBAL_DISCONNECT}};
    struct hm_text node;
    hm_term pid;
    bool good = false;
    *m = (struct global_message){0};
    if (hm_match(term, "{set_lock, {~t, ~t}}", &m->resource, &m->requester)) {
        m->kind = GLOBAL_SET_LOCK;
        good = true;
    } else if (hm_match(term, "{del_lock, {~t, ~t}}", &m->resource, &m->requester)) {
        m->kind = GLOBAL_DEL_LOCK;
        good = true;
    } else if (hm_match(term, "{register, ~t, ~t, ~t}", &m->name, &pid, &m->method)) {
        m->kind = GLOBAL_REGISTER;
        good = pid_decode(names, pid, &m->pid);
    } else if (hm_match(term, "{register_ext, ~t, ~t, ~t, ~a}", &m->name, &pid, &m->method, &node)) {
        m->kind = GLOBAL_REGISTER;
        good = pid_decode(names, pid, &m->pid) && read_node(names, node, &m->node);
    } else if (hm_match(term, "{unregister, ~t}", &m->name)) {
        m->kind = GLOBAL_UNREGISTER;
        good = true;
    } else if (hm_match(term, "{sync, ~t}", &m->known)) {
        m->kind = GLOBAL_SYNC;
        good = is_list(m->known);
    } else if (hm_match(term, "{'$hm_register', ~t, ~t, ~t, ~t}", &m->resource, &m->name, &pid, &m->method)) {
        m->kind = GLOBAL_DO_REGISTER;
        good = hm_get_bool(m->resource, &m->flag) && pid_decode(names, pid, &m->pid);
    } else if (hm_match(term, "{'$hm_unregister', ~t}", &m->name)) {
        m->kind = GLOBAL_DO_UNREGISTER;
        good = true;
    } else {
        for (size_t i = 0; i < sizeof BARE / sizeof *BARE && !good; i++)
            if (hm_is_atom(term, BARE[i].atom)) {
                m->kind = BARE[i].kind;
                good = true;
            }
    }
    if (!good)
        m->kind = GLOBAL_UNKNOWN;
    return good;
}

/* ---- lists ---- */

bool global_next_name(struct names *names, struct hm_list *list, struct global_entry *entry) {
    hm_term element;
    while (hm_list_next(list, &element))
        if (hm_match(element, "{~t, ~t, ~t}", &entry->name, &entry->pid_term, &entry->method) &&
            pid_decode(names, entry->pid_term, &entry->pid))
            return true;
    return false;
}

bool global_next_op(struct names *names, struct hm_list *list, bool *insert, struct global_entry *entry) {
    hm_term element;
    while (hm_list_next(list, &element)) {
        *entry = (struct global_entry){0};
        *insert = hm_match(element, "{insert, {~t, ~t, ~t}}", &entry->name, &entry->pid_term, &entry->method);
        if (*insert ? pid_decode(names, entry->pid_term, &entry->pid)
                    : hm_match(element, "{delete, ~t}", &entry->name))
            return true;
    }
    return false;
}

bool global_next_node(struct names *names, struct hm_list *list, const hm_node_name **node, int64_t *version) {
    hm_term element;
    struct hm_text text;
    while (hm_list_next(list, &element)) {
        *version = GLOBAL_UNKNOWN_VERSION;
        if (read_node_term(names, element, node))
            return true;
        if (hm_match(element, "{~a, ~i}", &text, version) && *version >= 0 && read_node(names, text, node))
            return true;
    }
    return false;
}

bool global_next_ext(struct names *names, struct hm_list *list, struct global_entry *entry, const hm_node_name **node) {
    hm_term element;
    struct hm_text text;
    while (hm_list_next(list, &element))
        if (hm_match(element, "{~t, ~t, ~a}", &entry->name, &entry->pid_term, &text) &&
            pid_decode(names, entry->pid_term, &entry->pid) && read_node(names, text, node))
            return true;
    return false;
}

const hm_node_name *global_find_ext(struct names *names, hm_term ext, hm_term name, hm_pid pid) {
    struct hm_list list;
    struct global_entry entry;
    const hm_node_name *node;
    if (!hm_list_begin(ext, &list))
        return NULL;
    while (global_next_ext(names, &list, &entry, &node))
        if (hm_pid_equal(entry.pid, pid) && hm_term_equal(entry.name, name))
            return node;
    return NULL;
}

/* ---- writing ---- */

void global_put_node(hm_build *build, const hm_node_name *node) {
    struct bytes atom = node_name_encoded(node);
    hm_put_term(build, (hm_term){atom.at, atom.size});
}

void global_put_insert(hm_build *build, hm_term name, hm_pid pid, hm_term method) {
    hm_put_tuple(build, 2);
    hm_put_atom(build, "insert");
    hm_put_tuple(build, 3);
    hm_put_term(build, name);
    hm_put_pid(build, pid);
    hm_put_term(build, method);
}

void global_put_delete(hm_build *build, hm_term name) {
    hm_put_tuple(build, 2);
    hm_put_atom(build, "delete");
    hm_put_term(build, name);
}

uint32_t global_copy_ops(struct names *names, hm_build *build, hm_term ops) {
    struct hm_list list;
    struct global_entry entry;
    bool insert;
    uint32_t count = 0;
    if (!hm_list_begin(ops, &list))
        return 0;
    for (; global_next_op(names, &list, &insert, &entry); count++) {
        if (insert)
            global_put_insert(build, entry.name, entry.pid, entry.method);
        else
            global_put_delete(build, entry.name);
    }
    return count;
}

uint32_t global_copy_ext(struct names *names, hm_build *build, hm_term ext) {
    struct hm_list list;
    struct global_entry entry;
    const hm_node_name *node;
    uint32_t count = 0;
    if (!hm_list_begin(ext, &list))
        return 0;
    for (; global_next_ext(names, &list, &entry, &node); count++) {
        hm_put_tuple(build, 3);
        hm_put_term(build, entry.name);
        hm_put_pid(build, entry.pid);
        global_put_node(build, node);
    }
    return count;
}

/* lists:sort/1 of two pids: by serial, number, node name, creation, as the BEAM and etf/compare do. */
static bool is_before(hm_pid a, hm_pid b) {
    if (a.serial != b.serial)
        return a.serial < b.serial;
    if (a.id != b.id)
        return a.id < b.id;
    int order = a.node == b.node ? 0 : strcmp(hm_node_name_text(a.node), hm_node_name_text(b.node));
    return order ? order < 0 : a.creation < b.creation;
}

void global_put_requester(hm_build *build, hm_pid one, hm_pid other) {
    hm_put_list(build, 2);
    hm_put_pid(build, is_before(other, one) ? other : one);
    hm_put_pid(build, is_before(other, one) ? one : other);
    hm_put_nil(build);
}

/* ---- methods ---- */

/* EXPORT_EXT, two SMALL_ATOM_UTF8_EXT, SMALL_INTEGER_EXT. */
#define METHOD(size, text) "\x71\x77\x06global\x77" size text "\x61\x03"

static const struct {
    const char *function, *bytes;
    size_t size;
} METHODS[] = {
    [GLOBAL_RANDOM_EXIT] = {"random_exit_name", METHOD("\x10", "random_exit_name"),
                            sizeof METHOD("\x10", "random_exit_name") - 1},
    [GLOBAL_RANDOM_NOTIFY] = {"random_notify_name", METHOD("\x12", "random_notify_name"),
                              sizeof METHOD("\x12", "random_notify_name") - 1},
    [GLOBAL_NOTIFY_ALL] = {"notify_all_name", METHOD("\x0f", "notify_all_name"),
                           sizeof METHOD("\x0f", "notify_all_name") - 1},
};

hm_term global_method_term(enum global_method method) {
    return (hm_term){(const unsigned char *)METHODS[method].bytes, METHODS[method].size};
}

static bool is_atom_at(const uint8_t *at, const char *text) {
    return hm_is_atom((hm_term){at, (size_t)(view_skip(at) - at)}, text);
}

enum global_method global_method_read(hm_term method) {
    struct fun fun;
    if (hm_term_type(method) != HM_TYPE_FUN || !view_fun(method.bytes, &fun) || fun.arity != 3 ||
        !is_atom_at(fun.module, "global"))
        return GLOBAL_OTHER_METHOD;
    /* Local funs of the module global with three arguments that end up in names are all fun random_exit_name/3, which
     * register_name/2, re_register_name/2 and register_name_external/2 use: the name of such a fun is not on the wire. */
    if (!fun.external)
        return fun.free_count == 0 ? GLOBAL_RANDOM_EXIT : GLOBAL_OTHER_METHOD;
    for (unsigned i = 0; i < sizeof METHODS / sizeof *METHODS; i++)
        if (is_atom_at(fun.function, METHODS[i].function))
            return (enum global_method)i;
    return GLOBAL_OTHER_METHOD;
}
