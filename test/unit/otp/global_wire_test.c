/*
 * What name servers of OTP 25, 27 and 29 say to each other is read; what we say has shapes that they say, too. A shape that a BEAM does
 * not expect ends it.
 */
#include "unit/otp/global_sim.h"

#include "support/golden.h"

/* ---- reading ---- */

static hm_term golden_term(const struct golden *golden) {
    hm_term term;
    assert_int_equal(hm_term_check(golden->bytes, golden->size, true, NULL, &term), HM_OK);
    return term;
}

/* test/golden/otp25/global_cast_lock_set_1.bin: "cast" and "lock_set" */
static void split_name(const char *path, char way[16], char kind[32]) {
    const char *name = strstr(path, "/global_") + strlen("/global_"), *rest = strchr(name, '_') + 1;
    snprintf(way, 16, "%.*s", (int)(rest - 1 - name), name);
    snprintf(kind, 32, "%.*s", (int)(strrchr(rest, '_') - rest), rest);
}

static enum global_kind kind_of(const char *kind) {
    static const struct {
        const char *text;
        enum global_kind kind;
    } KINDS[] = {{"init_connect", GLOBAL_INIT_CONNECT},
                 {"lock_set", GLOBAL_LOCK_SET},
                 {"exchange", GLOBAL_EXCHANGE},
                 {"resolved", GLOBAL_RESOLVED},
                 {"new_nodes", GLOBAL_NEW_NODES},
                 {"in_sync", GLOBAL_IN_SYNC},
                 {"init_connect_ack", GLOBAL_INIT_CONNECT_ACK},
                 {"cancel_connect", GLOBAL_CANCEL_CONNECT},
                 {"lost_connection", GLOBAL_LOST_CONNECTION},
                 {"remove_connection", GLOBAL_REMOVE_CONNECTION},
                 {"set_lock", GLOBAL_SET_LOCK},
                 {"del_lock", GLOBAL_DEL_LOCK},
                 {"register", GLOBAL_REGISTER},
                 {"register_ext", GLOBAL_REGISTER},
                 {"unregister", GLOBAL_UNREGISTER}};
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
        if (strcmp(kind, KINDS[i].text) == 0)
            return KINDS[i].kind;
    fail_msg("no kind %s", kind);
    return GLOBAL_UNKNOWN;
}

struct seen {
    struct names *names;
    unsigned random_exit, random_notify, notify_all, entries, inserts, deletes, nodes, external;
};

static void read_names(struct seen *seen, hm_term names) {
    struct hm_list list;
    struct global_entry entry;
    assert_true(hm_list_begin(names, &list));
    while (global_next_name(seen->names, &list, &entry)) {
        enum global_method method = global_method_read(entry.method);
        seen->random_exit += method == GLOBAL_RANDOM_EXIT;
        seen->random_notify += method == GLOBAL_RANDOM_NOTIFY;
        seen->notify_all += method == GLOBAL_NOTIFY_ALL;
        assert_int_not_equal(method, GLOBAL_OTHER_METHOD);
        seen->entries++;
    }
}

static void read_ops(struct seen *seen, hm_term ops) {
    struct hm_list list;
    struct global_entry entry;
    bool insert;
    assert_true(hm_list_begin(ops, &list));
    while (global_next_op(seen->names, &list, &insert, &entry)) {
        seen->inserts += insert;
        seen->deletes += !insert;
    }
}

static void read_nodes(struct seen *seen, hm_term nodes) {
    struct hm_list list;
    const hm_node_name *node;
    int64_t version;
    assert_true(hm_list_begin(nodes, &list));
    for (; global_next_node(seen->names, &list, &node, &version); seen->nodes++)
        assert_int_equal(version, GLOBAL_VERSION);
}

static void read_ext(struct seen *seen, hm_term ext) {
    struct hm_list list;
    struct global_entry entry;
    const hm_node_name *node;
    assert_true(hm_list_begin(ext, &list));
    while (global_next_ext(seen->names, &list, &entry, &node)) {
        assert_ptr_equal(global_find_ext(seen->names, ext, entry.name, entry.pid), node);
        seen->external++;
    }
}

static void read_one(const struct golden *golden, void *context) {
    struct seen *seen = context;
    struct global_message message;
    char way[16], kind[32];
    hm_term term = golden_term(golden);
    split_name(golden->path, way, kind);
    bool good = strcmp(way, "cast") == 0   ? global_read_cast(seen->names, term, &message)
                : strcmp(way, "call") == 0 ? global_read_call(seen->names, term, &message)
                                           : global_read_plain(seen->names, term, &message);
    if (!good)
        print_error("%s\n", golden->path);
    assert_true(good);
    assert_int_equal(message.kind, kind_of(kind));
    switch (message.kind) {
    case GLOBAL_INIT_CONNECT:
        assert_int_equal(message.version, GLOBAL_VERSION);
        assert_true(message.has_tag && message.pid.node == message.node);
        break;
    case GLOBAL_LOCK_SET:
        assert_true(message.has_tag && message.pid.node);
        break;
    case GLOBAL_EXCHANGE:
        assert_true(message.has_tag);
        read_names(seen, message.names);
        break;
    case GLOBAL_RESOLVED:
        assert_true(message.has_tag);
        read_ops(seen, message.ops);
        read_nodes(seen, message.known);
        read_ext(seen, message.ext);
        break;
    case GLOBAL_NEW_NODES:
        read_ops(seen, message.ops);
        read_nodes(seen, message.known);
        assert_int_equal(hm_list_length(message.requester), 2);
        break;
    case GLOBAL_INIT_CONNECT_ACK:
        assert_true(message.has_tag && message.has_his_tag);
        break;
    case GLOBAL_LOST_CONNECTION:
        assert_true(message.node && message.other && message.creation > 0);
        break;
    case GLOBAL_SET_LOCK:
    case GLOBAL_DEL_LOCK:
        assert_true(message.resource.size && message.requester.size);
        break;
    case GLOBAL_REGISTER:
        assert_int_not_equal(global_method_read(message.method), GLOBAL_OTHER_METHOD);
        assert_true(message.pid.node && !message.node == (strcmp(kind, "register") == 0));
        break;
    default:
        break;
    }
}

static void what_a_beam_says_is_read(void **state) {
    struct seen seen = {.names = names_new(100)};
    size_t count = golden_each("global_", ".bin", read_one, &seen);
    assert_in_range(count, 3 * 30, 1000);
    assert_true(seen.random_exit && seen.random_notify && seen.notify_all);
    assert_true(seen.inserts && seen.deletes && seen.nodes && seen.external);
    names_free(seen.names);
}

/* [Smaller, Greater] as lists:sort/1 has it: what a BEAM puts is what we put for the same two pids, whichever way round. */
static void compare_requester(const struct golden *golden, void *context) {
    struct names *names = context;
    struct global_message message;
    struct hm_list list;
    hm_term first, second;
    hm_pid one, other;
    assert_true(global_read_call(names, golden_term(golden), &message));
    if (!hm_list_begin(message.requester, &list))
        return; /* of a registrar: a pid */
    assert_true(hm_list_next(&list, &first) && pid_decode(names, first, &one));
    assert_true(hm_list_next(&list, &second) && pid_decode(names, second, &other));
    for (int i = 0; i < 2; i++) {
        hm_build *build = hm_build_new();
        global_put_requester(build, i ? one : other, i ? other : one);
        assert_true(hm_term_equal(hm_build_term(build), message.requester));
        hm_build_free(build);
    }
}

static void lockers_are_sorted_as_a_beam_sorts_them(void **state) {
    struct names *names = names_new(100);
    golden_each("global_call_set_lock", ".bin", compare_requester, names);
    names_free(names);
}

/* ---- shapes ---- */

/*
 * A shape is a set of lines, one for each place in the term: its path and what stands there. Names, which may be anything, are
 * left out; all elements of a list are at the same place.
 */
enum { LINES = 400, LINE = 160 };

struct shapes {
    char lines[LINES][LINE];
    unsigned count;
    const char *foreign; /* NULL: collects. Else: what is not there is reported */
    unsigned unknown;
};

static void add_line(struct shapes *shapes, const char *line) {
    for (unsigned i = 0; i < shapes->count; i++)
        if (strcmp(shapes->lines[i], line) == 0)
            return;
    if (shapes->foreign) {
        shapes->unknown++;
        print_error("a BEAM does not say: %s (%s)\n", line, shapes->foreign);
        return;
    }
    assert_true(shapes->count < LINES);
    snprintf(shapes->lines[shapes->count++], LINE, "%s", line);
}

static bool is_named(const char *path, unsigned element, const hm_term *parts, long arity) {
    if (element == 0 && arity == 3)
        return hm_term_type(parts[1]) == HM_TYPE_PID; /* {Name, Pid, Method or Node} */
    if (element != 1)
        return false;
    return hm_is_atom(parts[0], "delete") || hm_is_atom(parts[0], "register") || hm_is_atom(parts[0], "unregister");
}

static void walk(struct shapes *shapes, const char *path, hm_term term) {
    static const char *const TYPES[] = {
        [HM_TYPE_ATOM] = "atom",   [HM_TYPE_INTEGER] = "integer",     [HM_TYPE_FLOAT] = "float", [HM_TYPE_PID] = "pid",
        [HM_TYPE_PORT] = "port",   [HM_TYPE_REFERENCE] = "reference", [HM_TYPE_FUN] = "fun",     [HM_TYPE_TUPLE] = "tuple",
        [HM_TYPE_LIST] = "list",   [HM_TYPE_NIL] = "list",            [HM_TYPE_MAP] = "map",     [HM_TYPE_BINARY] = "binary",
        [HM_TYPE_BITSTRING] = "b", [HM_TYPE_RECORD] = "record"};
    char line[LINE], below[LINE];
    hm_term parts[10];
    struct hm_list list;
    struct hm_text atom;
    enum hm_type type = hm_term_type(term);
    long arity = hm_tuple_arity(term);
    if (type == HM_TYPE_TUPLE) {
        assert_true(arity <= 10 && hm_tuple_elements(term, (unsigned)arity, parts));
        const char *tag = "";
        /* the tags of messages and operations belong to the place */
        char room[64] = "";
        if (arity > 0 && hm_get_atom(parts[0], &atom) && !memchr(atom.at, '@', atom.size) && !is_named(path, 0, parts, arity)) {
            snprintf(room, sizeof room, "%.*s", (int)atom.size, atom.at);
            tag = room;
        }
        snprintf(line, sizeof line, "%s tuple %ld %s", path, arity, tag);
        add_line(shapes, line);
        for (long i = 0; i < arity; i++) {
            if (is_named(path, (unsigned)i, parts, arity))
                continue;
            snprintf(below, sizeof below, "%.80s/%.50s.%ld", path, tag, i);
            walk(shapes, below, parts[i]);
        }
        return;
    }
    snprintf(line, sizeof line, "%s %s", path, TYPES[type]);
    add_line(shapes, line);
    if (hm_list_begin(term, &list)) {
        hm_term element;
        bool ops = strcmp(path, "cast/resolved.2") == 0 || strcmp(path, "cast/new_nodes.2") == 0;
        snprintf(below, sizeof below, "%.100s/*", ops ? "ops" : path); /* one kind of list in both */
        while (hm_list_next(&list, &element))
            walk(shapes, below, element);
        assert_true(hm_list_end(&list, NULL));
    }
}

static void learn(const struct golden *golden, void *context) {
    char way[16], kind[32];
    split_name(golden->path, way, kind);
    walk(context, way, golden_term(golden));
}

static void look_at(void *arg, const char *way, hm_term message) {
    struct shapes *shapes = arg;
    char *text = NULL;
    hm_term name, from;
    if (hm_match(message, "{whereis, ~t, {~t, {global_names, _}}}", &name, &from)) {
        assert_int_equal(hm_term_type(from), HM_TYPE_PID);
        return; /* a BEAM sends it only to itself: global_SUITE has one answer it */
    }
    assert_int_equal(hm_term_print(message, HM_SYNTAX_ERLANG, 300, &text), HM_OK);
    shapes->foreign = text;
    walk(shapes, way, message);
    free(text);
}

static void what_we_say_a_beam_says_too(void **state) {
    struct shapes *shapes = calloc(1, sizeof *shapes);
    golden_each("global_", ".bin", learn, shapes);
    shapes->foreign = "";
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct sim *sim = sim_new(seed, 4);
        sim->spy = look_at;
        sim->spy_arg = shapes;
        for (unsigned events = 0; events < 60;) {
            uint32_t next = sim_random(sim, 100);
            if (next < 4 || (next >= 7 && !sim_step(sim))) {
                sim_disturb(sim, false);
                events++;
            } else if (next < 7) {
                sim_do_something(sim);
            }
        }
        sim_free(sim);
    }
    assert_int_equal(shapes->unknown, 0);
    free(shapes);
}

static void methods_are_written_as_external_funs(void **state) {
    for (int i = GLOBAL_RANDOM_EXIT; i < GLOBAL_OTHER_METHOD; i++) {
        hm_term term = global_method_term((enum global_method)i), checked;
        assert_int_equal(hm_term_check(term.bytes, term.size, true, NULL, &checked), HM_OK);
        assert_int_equal(global_method_read(term), i);
    }
    assert_int_equal(global_method_read(ATOM_TERM("method")), GLOBAL_OTHER_METHOD);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_beam_says_is_read),
        cmocka_unit_test(lockers_are_sorted_as_a_beam_sorts_them),
        cmocka_unit_test(what_we_say_a_beam_says_too),
        cmocka_unit_test(methods_are_written_as_external_funs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
