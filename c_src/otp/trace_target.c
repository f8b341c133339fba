/*
 * A target that is a term says what it is by its shape. Text leaves one choice: "pg:join/2" may be a function or a message to a process. The function
 * goes first, for it is looked up by all three parts; "process:pg:join/2" is the message.
 */
#include "otp/trace_target.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "etf/ids.h"
#include "etf/view.h"
#include "node/peers.h"
#include "node/registry.h"
#include "otp/mfa.h"

struct target_reader {
    struct hm_node *node;
    struct trace_target *target;
    char *why;
    size_t capacity;
};

static int refuse(const struct target_reader *reader, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int refuse(const struct target_reader *reader, int error, const char *format, ...) {
    va_list arguments;
    if (reader->why && reader->capacity) {
        va_start(arguments, format);
        vsnprintf(reader->why, reader->capacity, format, arguments);
        va_end(arguments);
    }
    return error;
}

/* ---- questions ---- */

bool trace_target_is_process(const struct trace_target *target, const hm_process *process) {
    if (target->kind != TRACE_PROCESS)
        return false;
    if (!target->name[0])
        return hm_pid_equal(target->pid, process->pid);
    struct bytes name = registry_name(process);
    return name.size == strlen(target->name) && memcmp(name.at, target->name, name.size) == 0;
}

bool trace_target_fits(const struct trace_target *target, hm_term message) {
    const uint8_t *at;
    if (!target->function[0])
        return true;
    if (hm_term_type(message) == HM_TYPE_ATOM)
        return target->arity <= 0 && hm_is_atom(message, target->function);
    long arity = hm_tuple_arity(message);
    if (arity < 1 || (target->arity != TRACE_ANY_ARITY && arity != target->arity))
        return false;
    view_tuple(message.bytes, &at);
    return hm_is_atom((hm_term){at, (size_t)(view_skip(at) - at)}, target->function);
}

bool trace_target_is_function(const struct trace_target *target, const char *module, const char *function, unsigned arity) {
    return strcmp(target->name, module) == 0 && (!target->function[0] || strcmp(target->function, function) == 0) &&
           (target->arity == TRACE_ANY_ARITY || target->arity == (long)arity);
}

/* ---- what is there ---- */

struct search {
    const struct trace_target *target;
    bool found;
};

static void look_at(void *arg, const struct mfa_row *row) {
    struct search *search = arg;
    search->found = search->found || trace_target_is_function(search->target, row->module, row->function, row->arity);
}

static bool is_exported(const struct target_reader *reader) {
    struct search search = {.target = reader->target};
    mfa_each(reader->node, look_at, &search);
    return search.found;
}

static int take_process(const struct target_reader *reader) {
    struct trace_target *target = reader->target;
    target->kind = TRACE_PROCESS;
    if (target->name[0]) {
        if (registry_lookup(reader->node, bytes_of(target->name, strlen(target->name))))
            return HM_OK;
        return refuse(reader, HM_ENOPROC, "no process is registered as %s",
                      log_escape(bytes_of(target->name, strlen(target->name))).text);
    }
    if (process_lookup(reader->node, target->pid))
        return HM_OK;
    return refuse(reader, HM_ENOPROC, "there is no process <0.%u.%u> on this node", target->pid.id, target->pid.serial);
}

static int take_function(const struct target_reader *reader) {
    const struct trace_target *target = reader->target;
    reader->target->kind = TRACE_FUNCTION;
    if (is_exported(reader))
        return HM_OK;
    return refuse(reader, HM_ENOENT, "no function of this node that others can call is %s",
                  log_escape(bytes_of(target->text, strlen(target->text))).text);
}

static int take_peer(const struct target_reader *reader, const char *name) {
    const hm_node_name *found = names_find(reader->node->names, name, strlen(name));
    const struct peer *peer = found ? peers_find(reader->node, found) : NULL;
    if (!peer || !peer_is_up(peer))
        return refuse(reader, HM_ENOCONNECTION, "there is no connection to %s", log_escape(bytes_of(name, strlen(name))).text);
    reader->target->kind = TRACE_PEER;
    reader->target->peer = found;
    return HM_OK;
}

/* ---- text ---- */

static bool copy_name(char *to, const char *from, size_t size) {
    if (size == 0 || size >= TRACE_NAME_BYTES || memchr(from, 0, size))
        return false;
    memcpy(to, from, size);
    to[size] = '\0';
    return true;
}

/* Foo.Bar is 'Elixir.Foo.Bar'; :foo and 'foo' are foo. */
static bool copy_atom(char *to, const char *from, size_t size) {
    static const char prefix[] = "Elixir.";
    if (size > 1 && from[0] == ':') {
        from++;
        size--;
    }
    if (size > 2 && (from[0] == '\'' || from[0] == '"') && from[size - 1] == from[0])
        return copy_name(to, from + 1, size - 2);
    bool alias = size > 0 && isupper((unsigned char)from[0]) && strncmp(from, prefix, sizeof prefix - 1) != 0;
    if (!alias)
        return copy_name(to, from, size);
    if (size + sizeof prefix > TRACE_NAME_BYTES)
        return false;
    memcpy(to, prefix, sizeof prefix - 1);
    return copy_name(to + sizeof prefix - 1, from, size);
}

/* "2" or "_" */
static bool read_arity(const char *text, long *arity) {
    if (strcmp(text, "_") == 0) {
        *arity = TRACE_ANY_ARITY;
        return true;
    }
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 3 || text[digits])
        return false;
    *arity = atol(text);
    return *arity <= 255;
}

/* <0.12.0>, <hermod@vm.12.0> or #PID<...> */
static bool read_pid(const struct target_reader *reader, const char *text) {
    size_t size = strlen(text);
    const char *end = text + size, *dots[2] = {NULL, NULL};
    if (strncmp(text, "#PID", 4) == 0)
        text += 4;
    if (*text != '<' || size < 5 || end[-1] != '>')
        return false;
    for (const char *at = end; at > text && !dots[0];)
        if (*--at == '.')
            *(dots[1] ? &dots[0] : &dots[1]) = at;
    char *rest;
    if (!dots[0] || dots[0] == text + 1)
        return false;
    unsigned long long id = strtoull(dots[0] + 1, &rest, 10);
    if (rest != dots[1] || id > UINT32_MAX)
        return false;
    unsigned long long serial = strtoull(dots[1] + 1, &rest, 10);
    if (rest != end - 1 || serial > UINT32_MAX)
        return false;
    size_t node = (size_t)(dots[0] - text - 1);
    struct bytes own = node_name_bytes(reader->node->name);
    if (!(node == 1 && text[1] == '0') && !(node == own.size && memcmp(text + 1, own.at, node) == 0))
        return false;
    reader->target->pid = (hm_pid){reader->node->name, (uint32_t)id, (uint32_t)serial, reader->node->dist.creation};
    return true;
}

/* A name or pid. */
static bool read_process(const struct target_reader *reader, const char *text, size_t size) {
    char copy[TRACE_NAME_BYTES];
    if (!copy_name(copy, text, size))
        return false;
    if (copy[0] == '<' || copy[0] == '#')
        return read_pid(reader, copy);
    return copy_atom(reader->target->name, text, size);
}

/* The last ':' or '.' before the name of the function or tag. */
static const char *find_divide(const char *text, const char *slash) {
    const char *from = text[0] == '<' || text[0] == '#' ? strchr(text, '>') : text;
    for (const char *at = slash; from && --at > from;)
        if (*at == ':' || *at == '.')
            return at;
    return NULL;
}

static int bad_text(const struct target_reader *reader, const char *text) {
    return refuse(reader, HM_EINVAL,
                  "%s is no target: give NAME, NAME:TAG/ARITY, MODULE:FUNCTION/ARITY, <0.ID.SERIAL>, peer:NODE or processes",
                  log_escape(bytes_of(text, strlen(text))).text);
}

static int read_text(const struct target_reader *reader, const char *text) {
    struct trace_target *target = reader->target;
    bool only_process = strncmp(text, "process:", 8) == 0, only_function = strncmp(text, "function:", 9) == 0;
    if (strncmp(text, "peer:", 5) == 0)
        return take_peer(reader, text + 5);
    if (!only_process && !only_function && strcmp(text, "processes") == 0) {
        target->kind = TRACE_NEWS;
        return HM_OK;
    }
    const char *body = text + (only_process ? 8 : only_function ? 9 : 0);
    if (*body == '&')
        body++;
    const char *slash = strrchr(body, '/'), *divide = slash ? find_divide(body, slash) : NULL;
    if (!slash) {
        if (only_function || !read_process(reader, body, strlen(body)))
            return bad_text(reader, text);
        return take_process(reader);
    }
    size_t name = (size_t)(slash - divide - 1);
    if (!divide || !read_arity(slash + 1, &target->arity) || !copy_atom(target->function, divide + 1, name))
        return bad_text(reader, text);
    bool any = strcmp(target->function, "_") == 0;
    if (!only_process && copy_atom(target->name, body, (size_t)(divide - body))) {
        if (any)
            target->function[0] = '\0';
        if (is_exported(reader) || only_function)
            return take_function(reader);
    }
    if (only_function || any)
        return any ? take_function(reader) : bad_text(reader, text);
    target->name[0] = '\0';
    if (!read_process(reader, body, (size_t)(divide - body)))
        return bad_text(reader, text);
    int error = take_process(reader);
    return error && !only_process && target->name[0]
               ? refuse(reader, HM_ENOENT, "%s is neither a function that others can call nor a message to a registered process",
                        log_escape(bytes_of(text, strlen(text))).text)
               : error;
}

/* ---- terms ---- */

static int bad_term(const struct target_reader *reader) {
    return refuse(reader, HM_EINVAL, "the target must be a name, a pid, {Name, {Tag, Arity}}, {M, F, Arity}, fun M:F/A, {peer, Node}, "
                                     "processes, or text");
}

static bool get_name(hm_term term, char *name) {
    size_t size;
    return hm_term_type(term) == HM_TYPE_ATOM && hm_get_text(term, name, TRACE_NAME_BYTES, &size) && size > 0 &&
           strlen(name) == size;
}

static bool get_arity(hm_term term, long *arity) {
    uint64_t number;
    if (hm_is_atom(term, "_"))
        *arity = TRACE_ANY_ARITY;
    else if (hm_get_uint64(term, &number) && number <= 255)
        *arity = (long)number;
    else
        return false;
    return true;
}

static int read_who(const struct target_reader *reader, hm_term term) {
    struct trace_target *target = reader->target;
    if (hm_term_type(term) == HM_TYPE_PID) {
        if (!pid_decode(reader->node->names, term, &target->pid))
            return refuse(reader, HM_EINVAL, "the pid is of a node that is not known here");
        if (target->pid.node != reader->node->name)
            return refuse(reader, HM_EINVAL, "the pid is of %s: trace it there", hm_node_name_text(target->pid.node));
    } else if (!get_name(term, target->name)) {
        return bad_term(reader);
    }
    return take_process(reader);
}

static int read_pair(const struct target_reader *reader, hm_term first, hm_term second) {
    struct trace_target *target = reader->target;
    hm_term shape[2];
    char name[TRACE_NAME_BYTES];
    if (hm_tuple_elements(second, 2, shape)) {
        if (!get_name(shape[0], target->function) || !get_arity(shape[1], &target->arity))
            return bad_term(reader);
        return read_who(reader, first);
    }
    if (hm_is_atom(first, "peer") && get_name(second, name))
        return take_peer(reader, name);
    return hm_is_atom(first, "process") ? read_who(reader, second) : bad_term(reader);
}

static int read_function(const struct target_reader *reader, hm_term module, hm_term function) {
    struct trace_target *target = reader->target;
    if (!get_name(module, target->name) || !get_name(function, target->function))
        return bad_term(reader);
    if (strcmp(target->function, "_") == 0)
        target->function[0] = '\0';
    return take_function(reader);
}

static hm_term term_at(const uint8_t *at) {
    return (hm_term){at, (size_t)(view_skip(at) - at)};
}

static int read_term(const struct target_reader *reader, hm_term term) {
    struct trace_target *target = reader->target;
    struct fun fun;
    hm_term parts[3];
    if (hm_is_atom(term, "processes")) {
        target->kind = TRACE_NEWS;
        return HM_OK;
    }
    if (hm_tuple_elements(term, 2, parts))
        return read_pair(reader, parts[0], parts[1]);
    if (hm_tuple_elements(term, 3, parts))
        return get_arity(parts[2], &target->arity) ? read_function(reader, parts[0], parts[1]) : bad_term(reader);
    if (hm_term_type(term) == HM_TYPE_FUN && view_fun(term.bytes, &fun)) {
        if (!fun.external)
            return refuse(reader, HM_EINVAL, "a closure cannot be traced: give fun M:F/A (&M.f/a)");
        target->arity = (long)fun.arity;
        return read_function(reader, term_at(fun.module), term_at(fun.function));
    }
    return read_who(reader, term);
}

static void keep_text(struct trace_target *target, hm_term term) {
    char *text = NULL;
    if (hm_term_print(term, HM_SYNTAX_ERLANG, TRACE_TEXT_BYTES - 8, &text) == HM_OK)
        snprintf(target->text, sizeof target->text, "%s", text);
    free(text);
}

int trace_target_read(struct hm_node *node, hm_term term, struct trace_target *target, char *why, size_t capacity) {
    struct target_reader reader = {node, target, why, capacity};
    char text[TRACE_TEXT_BYTES];
    size_t size;
    *target = (struct trace_target){.arity = TRACE_ANY_ARITY};
    if (why && capacity)
        *why = '\0';
    if (!term.size)
        return bad_term(&reader);
    enum hm_type type = hm_term_type(term);
    if (type == HM_TYPE_BINARY || type == HM_TYPE_LIST) {
        if (!hm_get_text(term, text, sizeof text, &size) || size == 0 || strlen(text) != size)
            return refuse(&reader, HM_EINVAL, "the text of a target has 1 to %d bytes of UTF-8", TRACE_TEXT_BYTES - 1);
        snprintf(target->text, sizeof target->text, "%s", log_escape(bytes_of(text, size)).text);
        return read_text(&reader, text);
    }
    keep_text(target, term);
    return read_term(&reader, term);
}
