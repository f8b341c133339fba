/* Processes: what evaluated code does as the process that it runs in. Without one (m->self is NULL) all of it
 * is badarg. */
#include <stdio.h>
#include <sys/random.h>

#include "base/clock.h"
#include "etf/ids.h"
#include "eval/bif.h"
#include "eval/map.h"
#include "eval/order.h"
#include "eval/remote.h"
#include "eval/terms.h"
#include "node/links.h"
#include "node/registry.h"
#include "node/route.h"
#include "node/timers.h"
#include "otp/erpc.h"

enum {
    TIMER_MARK = 0x7fffffff
}; /* third word of the references of timers; those of node_make_ref count up */

static struct hm_node *node_of(const struct machine *m) {
    return m->self ? m->self->node : NULL;
}

static value of_pid(struct machine *m, hm_pid pid) {
    uint8_t bytes[PID_BYTES_MAX];
    return heap_ext(&m->heap, (hm_term){bytes, pid_encode(pid, bytes)});
}
static value of_ref(struct machine *m, const hm_ref *ref) {
    uint8_t bytes[REF_BYTES_MAX];
    return heap_ext(&m->heap, (hm_term){bytes, ref_encode(ref, bytes)});
}
static bool to_pid(const struct machine *m, value v, hm_pid *pid) {
    return value_is(v, KIND_EXT) && m->self && pid_decode(node_of(m)->names, value_ext(v), pid);
}
static bool to_ref(const struct machine *m, value v, hm_ref *ref) {
    return value_is(v, KIND_EXT) && m->self && ref_decode(node_of(m)->names, value_ext(v), ref);
}

static value of_node(struct machine *m, const hm_node_name *name) {
    struct bytes text = node_name_bytes(name);
    return heap_atom(&m->heap, (const char *)text.at, text.size);
}

BIF(self) {
    (void)a;
    return m->self ? bif_value(result, of_pid(m, m->self->pid)) : BADARG;
}
BIF(node_0) {
    (void)a;
    return bif_value(result, m->self ? of_node(m, node_of(m)->name) : A(nonode));
}
BIF(node_1) {
    struct hm_node *node = node_of(m);
    const hm_node_name *name;
    if (!node || !value_is(a[0], KIND_EXT) || !id_node_decode(node->names, value_ext(a[0]), &name))
        return BADARG;
    return bif_value(result, of_node(m, name));
}
BIF(group_leader) {
    (void)a;
    return m->self ? bif_value(result, of_pid(m, m->self->leader)) : BADARG;
}
BIF(set_group_leader) {
    hm_pid leader, pid;
    if (!to_pid(m, a[0], &leader) || !to_pid(m, a[1], &pid) || !hm_pid_equal(pid, m->self->pid))
        return BADARG;
    m->self->leader = leader;
    return bif_value(result, A(true));
}

/* ---- sending ---- */

struct room {
    char text[HM_ATOM_BYTES + 3];
};

/* A terminated name; false: no atom, or one with a NUL inside. */
static bool to_name(const struct machine *m, value v, struct room *room) {
    if (!value_is_atom(v))
        return false;
    struct bytes text = value_atom_text(&m->heap, v);
    if (memchr(text.at, 0, text.size))
        return false;
    memcpy(room->text, text.at, text.size);
    room->text[text.size] = 0;
    return true;
}

/* A pid, a name, or {Name, Node}. */
static bool to_address(struct machine *m, value v, hm_address *address, struct room *room) {
    struct room node;
    hm_pid pid;
    if (to_pid(m, v, &pid)) {
        *address = hm_to_pid(pid);
        return true;
    }
    bool elsewhere = value_is_tuple(v) && value_size(v) == 2;
    if (!m->self || !to_name(m, elsewhere ? value_words(v)[0] : v, room))
        return false;
    *address = hm_to_name(room->text, NULL);
    if (!elsewhere)
        return true;
    if (!to_name(m, value_words(v)[1], &node))
        return false;
    address->node =
        strchr(node.text, '@') ? names_intern(node_of(m)->names, node.text, strlen(node.text)) : NULL;
    return address->node != NULL;
}

static enum bif_outcome limit(value *result) {
    return bif_error(result, A(system_limit));
}

/* A term to the world outside. It is written into *build, the caller's to give back. */
static bool export_term(struct machine *m, value v, hm_build **build) {
    *build = node_build_take(node_of(m));
    return *build && terms_write(&m->heap, *build, v, m->origin) == HM_OK;
}

BIF(send_message) {
    struct room room;
    hm_address address;
    hm_ref alias;
    hm_build *build = NULL;
    bool to_alias = to_ref(m, a[0], &alias);
    if (!to_alias && !to_address(m, a[0], &address, &room))
        return BADARG;
    /* A name that nobody has is badarg here, and silence on another node. */
    if (!to_alias && address.name && !address.node &&
        !registry_lookup(node_of(m), bytes_of(address.name, strlen(address.name))))
        return BADARG;
    enum bif_outcome outcome = limit(result);
    if (export_term(m, a[1], &build)) {
        hm_term term = hm_build_term(build);
        machine_charge(m, term.size / 256);
        if (to_alias)
            hm_send_alias(m->self, &alias, term);
        else
            hm_send(m->self, address, term);
        outcome = bif_value(result, a[1]);
    }
    node_build_give(node_of(m), build);
    return outcome;
}
BIF(send_3) {
    enum bif_outcome outcome = send_message(m, a, result);
    return outcome == BIF_VALUE ? bif_value(result, A(ok)) : outcome;
}

/* ---- links and monitors ---- */

BIF(monitor) {
    struct room room;
    hm_address address;
    hm_ref ref;
    if (a[0] != A(process) || !to_address(m, a[1], &address, &room))
        return BADARG;
    return hm_monitor(m->self, address, &ref) == HM_OK ? bif_value(result, of_ref(m, &ref)) : limit(result);
}
static void drop_downs(struct machine *m, value ref) {
    size_t kept = 0;
    for (size_t i = 0; i < m->mail_count; i++) {
        const value *down = value_tagged(m->mail[i], A(DOWN), 5);
        if (!down || !order_same(&m->heap, down[1], ref))
            m->mail[kept++] = m->mail[i];
    }
    m->mail_count = kept;
}
static enum bif_outcome demonitor(struct machine *m, value v, bool flush, value *result) {
    hm_ref ref;
    if (!to_ref(m, v, &ref))
        return BADARG;
    hm_demonitor(m->self, &ref);
    if (flush)
        drop_downs(m, v);
    return bif_value(result, A(true));
}
BIF(demonitor_1) {
    return demonitor(m, a[0], false, result);
}
BIF(demonitor_2) {
    bool flush = false;
    for (value list = a[1]; value_is_cons(list); list = value_tail(list))
        flush = flush || value_head(list) == A(flush);
    return demonitor(m, a[0], flush, result);
}
BIF(link_to) {
    hm_pid pid;
    if (!to_pid(m, a[0], &pid))
        return BADARG;
    return hm_link(m->self, pid) == HM_OK ? bif_value(result, A(true)) : limit(result);
}
BIF(unlink_from) {
    hm_pid pid;
    if (!to_pid(m, a[0], &pid))
        return BADARG;
    return hm_unlink(m->self, pid) == HM_OK ? bif_value(result, A(true)) : limit(result);
}
BIF(exit_2) {
    hm_pid pid;
    hm_build *build = NULL;
    if (!to_pid(m, a[0], &pid))
        return BADARG;
    bool written = export_term(m, a[1], &build);
    int error = written ? hm_exit(m->self, pid, hm_build_term(build)) : HM_ENOMEM;
    node_build_give(node_of(m), build);
    if (!written)
        return limit(result);
    /* A signal to oneself is there before exit/2 returns. */
    if (error == HM_OK && hm_pid_equal(pid, m->self->pid) && (!m->self->trap_exit || a[1] == A(kill))) {
        machine_pause(m);
        return BIF_ENTERED;
    }
    return bif_value(result, A(true));
}
BIF(process_flag) {
    if (!m->self || a[0] != A(trap_exit) || (a[1] != A(true) && a[1] != A(false)))
        return BADARG;
    *result = value_of_bool(m->self->trap_exit);
    hm_trap_exit(m->self, a[1] == A(true));
    return BIF_VALUE;
}

/* ---- names ---- */

/* Itself, and what runs functions as it does: the names of the node's servers are not for closures to change. */
static bool may_name(const struct machine *m, const hm_process *process) {
    return process && (process == m->self || process->class == m->self->class);
}
BIF(register_2) {
    struct room room;
    hm_pid pid;
    if (!to_name(m, a[0], &room) || !to_pid(m, a[1], &pid))
        return BADARG;
    hm_process *process = process_lookup(node_of(m), pid);
    if (!may_name(m, process) || hm_register(process, room.text) != HM_OK)
        return BADARG;
    return bif_value(result, A(true));
}
BIF(unregister_1) {
    struct room room;
    if (!m->self || !to_name(m, a[0], &room))
        return BADARG;
    hm_process *process = registry_lookup(node_of(m), bytes_of(room.text, strlen(room.text)));
    if (!may_name(m, process) || hm_unregister(process) != HM_OK)
        return BADARG;
    return bif_value(result, A(true));
}
BIF(whereis) {
    struct room room;
    if (!m->self || !to_name(m, a[0], &room))
        return BADARG;
    hm_pid pid = hm_whereis(node_of(m), room.text);
    return bif_value(result, pid.node ? of_pid(m, pid) : A(undefined));
}

/* ---- references, aliases, timers ---- */

BIF(make_ref) {
    (void)a;
    if (!m->self)
        return BADARG;
    hm_ref ref = node_make_ref(node_of(m));
    return bif_value(result, of_ref(m, &ref));
}
BIF(alias_0) {
    hm_ref ref;
    (void)a;
    return m->self && hm_alias(m->self, &ref) == HM_OK ? bif_value(result, of_ref(m, &ref)) : limit(result);
}
BIF(unalias_1) {
    hm_ref ref;
    return to_ref(m, a[0], &ref) ? bif_value(result, value_of_bool(hm_unalias(m->self, &ref))) : BADARG;
}

static hm_ref timer_ref(struct machine *m, uint64_t number) {
    return (hm_ref){.node = node_of(m)->name,
                    .creation = node_of(m)->dist.creation,
                    .words = 3,
                    .id = {(uint32_t)(number & 0x3ffff), (uint32_t)(number >> 18), TIMER_MARK}};
}
/* To oneself only; eval/library/erlang.erl has the rest. */
static enum bif_outcome start_timer(struct machine *m, value ms, value message, bool wrap, value *result) {
    hm_build *build = NULL;
    uint64_t number = 0;
    if (!m->self || !value_is_small(ms) || value_small(ms) < 0 || value_small(ms) > UINT32_MAX)
        return BADARG;
    /* {timeout, Ref, Message} names the timer, whose number is the next one. */
    hm_ref ref = timer_ref(m, node_of(m)->next_timer + 1);
    value reference = of_ref(m, &ref);
    if (wrap)
        message = heap_tuple_of(&m->heap, heap_atom(&m->heap, "timeout", 7), reference, message);
    bool started = export_term(m, message, &build) &&
                   hm_send_after(m->self, value_small(ms), hm_build_term(build), &number) == HM_OK;
    node_build_give(node_of(m), build);
    return started ? bif_value(result, reference) : limit(result);
}
BIF(send_after_self) {
    return start_timer(m, a[0], a[1], false, result);
}
BIF(start_timer_self) {
    return start_timer(m, a[0], a[1], true, result);
}
/* A process that waits and then sends: its pid and how long it waits are in the reference. */
BIF(timer_of) {
    hm_pid pid;
    if (!to_pid(m, a[0], &pid) || !value_is_small(a[1]) || value_small(a[1]) > UINT32_MAX)
        return BADARG;
    hm_ref ref = {.node = node_of(m)->name,
                  .creation = node_of(m)->dist.creation,
                  .words = 5,
                  .id = {pid.id & 0x3ffff, pid.id >> 18, TIMER_MARK, pid.serial, (uint32_t)value_small(a[1])}};
    return bif_value(result, of_ref(m, &ref));
}
/* An exit signal lies in its mailbox. */
static bool is_ending(const hm_process *process) {
    const struct message *message;
    STAILQ_FOREACH (message, &process->mailbox.list, link)
        if (message->kind == MESSAGE_EXIT)
            return true;
    return false;
}
static int64_t sender_left(struct machine *m, const hm_ref *ref, bool cancel) {
    struct hm_node *node = node_of(m);
    hm_pid pid = {.node = node->name,
                  .creation = node->dist.creation,
                  .id = ref->id[0] | ref->id[1] << 18,
                  .serial = ref->id[3]};
    const hm_process *sender = process_lookup(node, pid);
    if (!sender || is_ending(sender))
        return -1;
    int64_t left = sender->handled == 0 ? ref->id[4] : timers_first_ms(sender);
    if (cancel && left >= 0)
        hm_exit(m->self, pid, ATOM_TERM("kill"));
    return left;
}
static enum bif_outcome timer_left(struct machine *m, value v, bool cancel, value *result) {
    hm_ref ref;
    if (!to_ref(m, v, &ref))
        return BADARG;
    if (ref.words == 5 && ref.id[2] == TIMER_MARK && ref.node == node_of(m)->name &&
        ref.creation == node_of(m)->dist.creation) {
        int64_t left = sender_left(m, &ref, cancel);
        return bif_value(result, left < 0 ? A(false) : value_of_small(left));
    }
    uint64_t number = ref.id[0] | (uint64_t)ref.id[1] << 18;
    int64_t left = ref.words == 3 && ref.id[2] == TIMER_MARK ? timers_left_ms(m->self, number) : -1;
    if (cancel && left >= 0)
        hm_cancel_timer(m->self, number);
    return bif_value(result, left < 0 ? A(false) : value_of_small(left));
}
BIF(cancel_timer) {
    return timer_left(m, a[0], true, result);
}
BIF(read_timer) {
    return timer_left(m, a[0], false, result);
}

/* ---- spawning ---- */

enum { LINK = 1, MONITOR = 2 };

/* A process that applies a fun to a list of arguments; it begins when it gets its turn. */
static enum bif_outcome spawn(struct machine *m, value fun, value arguments, unsigned how, value *result) {
    hm_build *build = NULL;
    hm_pid pid;
    hm_ref ref;
    const char *refusal;
    if (!m->self || !value_is_fun(fun) || value_list_length(arguments) < 0)
        return BADARG;
    value both = heap_cons(&m->heap, fun, heap_cons(&m->heap, arguments, VALUE_NIL));
    bool written = export_term(m, both, &build);
    struct spawn_request request = {.from = m->self->pid,
                                    .leader = m->self->leader,
                                    .peer = m->self->on_behalf,
                                    .module = ATOM_TERM("erlang"),
                                    .function = ATOM_TERM("apply"),
                                    .arity = 2,
                                    .arguments = written ? hm_build_term(build) : (hm_term){0}};
    bool spawned = written && erpc_on_spawn(node_of(m), &request, &pid, &refusal) == HM_OK;
    node_build_give(node_of(m), build);
    if (!spawned)
        return limit(result);
    machine_charge(m, 20);
    *result = of_pid(m, pid);
    if (how & LINK)
        hm_link(m->self, pid);
    if (how & MONITOR && hm_monitor(m->self, hm_to_pid(pid), &ref) == HM_OK)
        *result = heap_tuple_of(&m->heap, *result, of_ref(m, &ref));
    return BIF_VALUE;
}
#define SPAWN(name, how)                                                                                     \
    BIF(name) {                                                                                              \
        return spawn(m, a[0], a[1], how, result);                                                            \
    }
SPAWN(spawn_plain, 0)
SPAWN(spawn_link, LINK)
SPAWN(spawn_monitor, MONITOR)

/* ---- other nodes ---- */

static enum bif_outcome ask_node(struct machine *m, const value *a, const struct remote_call *how,
                                 value *result) {
    int error = m->self ? evaluator_ask_node(m, a, how) : HM_EINVAL;
    return error == HM_OK ? BIF_ENTERED : error == HM_EINVAL ? BADARG : limit(result);
}
BIF(rpc) {
    struct remote_call how = {.timeout_ms = -1};
    if (a[4] != A(infinity)) {
        if (!value_is_small(a[4]) || value_small(a[4]) < 0 || value_small(a[4]) > UINT32_MAX)
            return BADARG;
        how.timeout_ms = value_small(a[4]);
    }
    return ask_node(m, a, &how, result);
}
BIF(spawn_at) {
    struct remote_call how = {.spawn = true, .link = a[4] == A(link)};
    return ask_node(m, a, &how, result);
}

/* ---- time and numbers ---- */

static int64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
static int64_t unit_ns(value unit) {
    switch (unit) {
    case A(second):
    case A(seconds): return 1000000000;
    case A(millisecond):
    case A(milli_seconds): return 1000000;
    case A(microsecond):
    case A(micro_seconds): return 1000;
    case A(nanosecond):
    case A(nano_seconds):
    case A(native): return 1;
    default: break;
    }
    return value_is_small(unit) && value_small(unit) > 0 && value_small(unit) <= 1000000000
               ? 1000000000 / value_small(unit)
               : 0;
}
static enum bif_outcome time_in(struct machine *m, clockid_t clock, value unit, value *result) {
    int64_t ns = unit_ns(unit), now = clock_ns(clock);
    return ns ? bif_value(result, heap_integer(&m->heap, now / ns)) : BADARG;
}
BIF(monotonic_0) {
    (void)a;
    return time_in(m, CLOCK_MONOTONIC, A(native), result);
}
BIF(monotonic_1) {
    return time_in(m, CLOCK_MONOTONIC, a[0], result);
}
BIF(system_time_0) {
    (void)a;
    return time_in(m, CLOCK_REALTIME, A(native), result);
}
BIF(system_time_1) {
    return time_in(m, CLOCK_REALTIME, a[0], result);
}
static value broken_down(struct machine *m, bool local) {
    time_t now = time(NULL);
    struct tm t;
    if (local)
        localtime_r(&now, &t);
    else
        gmtime_r(&now, &t);
    value date = heap_tuple_of(&m->heap, value_of_small(t.tm_year + 1900), value_of_small(t.tm_mon + 1),
                               value_of_small(t.tm_mday));
    value clock = heap_tuple_of(&m->heap, value_of_small(t.tm_hour), value_of_small(t.tm_min),
                                value_of_small(t.tm_sec));
    return heap_tuple_of(&m->heap, date, clock);
}
BIF(local_clock) {
    (void)a;
    return bif_value(result, broken_down(m, true));
}
BIF(universal_clock) {
    (void)a;
    return bif_value(result, broken_down(m, false));
}
BIF(unique_integer) {
    (void)a;
    if (!m->self)
        return BADARG;
    hm_ref ref = node_make_ref(node_of(m));
    return bif_value(result, value_of_small((int64_t)(ref.id[0] | (uint64_t)ref.id[1] << 18)));
}
/* 0.0 =< X < 1.0 */
BIF(random_float) {
    uint64_t word = 0;
    (void)a;
    if (getrandom(&word, sizeof word, 0) != sizeof word)
        return limit(result);
    return bif_value(result, heap_float(&m->heap, (double)(word >> 11) / (double)(1ull << 53)));
}

static enum bif_outcome id_text(struct machine *m, value v, enum hm_type type, value *result) {
    struct hm_node *node = node_of(m);
    char text[128];
    hm_pid pid;
    hm_ref ref;
    int size;
    if (type == HM_TYPE_PID && to_pid(m, v, &pid)) {
        /* The number of a node is its own business, but for 0: this one. */
        size = snprintf(text, sizeof text, "<%u.%u.%u>", pid.node == node->name ? 0 : 1u, pid.id, pid.serial);
    } else if (type == HM_TYPE_REFERENCE && to_ref(m, v, &ref)) {
        size = snprintf(text, sizeof text, "#Ref<%u", ref.node == node->name ? 0 : 1u);
        for (uint32_t i = ref.words; i-- > 0;)
            size += snprintf(text + size, sizeof text - (size_t)size, ".%u", ref.id[i]);
        size += snprintf(text + size, sizeof text - (size_t)size, ">");
    } else {
        return BADARG;
    }
    return bif_value(result, heap_binary(&m->heap, text, (size_t)size));
}
BIF(pid_text) {
    return id_text(m, a[0], HM_TYPE_PID, result);
}
BIF(ref_text) {
    return id_text(m, a[0], HM_TYPE_REFERENCE, result);
}
/* The daemon's own standard error is its log. */
BIF(log_text) {
    struct writer out;
    writer_init(&out, 64 * 1024);
    if (bif_chardata(m, &out, a[0], false) && out.size && m->self)
        log_info(&node_of(m)->log, "eval.stderr", "%.*s", (int)out.size, (const char *)out.at);
    writer_fini(&out);
    return bif_value(result, A(ok));
}

#define E(name, arity, run)                                                                                  \
    { "erlang", name, arity, false, run }
#define X(name, arity, run)                                                                                  \
    { "$eval", name, arity, false, run }
const struct bif_row bif_processes[] = {{"erlang", "self", 0, true, self},
                                        {"erlang", "node", 0, true, node_0},
                                        {"erlang", "node", 1, true, node_1},
                                        E("group_leader", 0, group_leader),
                                        E("group_leader", 2, set_group_leader),
                                        E("!", 2, send_message),
                                        E("send", 2, send_message),
                                        E("send", 3, send_3),
                                        E("monitor", 2, monitor),
                                        E("demonitor", 1, demonitor_1),
                                        E("demonitor", 2, demonitor_2),
                                        E("link", 1, link_to),
                                        E("unlink", 1, unlink_from),
                                        E("exit", 2, exit_2),
                                        E("process_flag", 2, process_flag),
                                        E("register", 2, register_2),
                                        E("unregister", 1, unregister_1),
                                        E("whereis", 1, whereis),
                                        E("make_ref", 0, make_ref),
                                        E("alias", 0, alias_0),
                                        E("unalias", 1, unalias_1),
                                        E("cancel_timer", 1, cancel_timer),
                                        E("cancel_timer", 2, cancel_timer),
                                        E("read_timer", 1, read_timer),
                                        E("monotonic_time", 0, monotonic_0),
                                        E("monotonic_time", 1, monotonic_1),
                                        E("system_time", 0, system_time_0),
                                        E("system_time", 1, system_time_1),
                                        E("localtime", 0, local_clock),
                                        E("universaltime", 0, universal_clock),
                                        E("unique_integer", 0, unique_integer),
                                        E("unique_integer", 1, unique_integer),
                                        {"os", "system_time", 0, false, system_time_0},
                                        {"os", "system_time", 1, false, system_time_1},
                                        X("send_after", 2, send_after_self),
                                        X("start_timer", 2, start_timer_self),
                                        X("timer_of", 2, timer_of),
                                        X("spawn", 2, spawn_plain),
                                        X("spawn_link", 2, spawn_link),
                                        X("spawn_monitor", 2, spawn_monitor),
                                        X("rpc", 5, rpc),
                                        X("spawn_at", 5, spawn_at),
                                        X("random_float", 0, random_float),
                                        X("pid_text", 1, pid_text),
                                        X("ref_text", 1, ref_text),
                                        X("log", 1, log_text),
                                        {0}};
