/*
 * Two nodes in one program, on loopback and without epmd: names, options, connecting, servers, calls, monitors and links across the
 * wire, and the end of a node as the other sees it. Proves on the way that no state is shared between nodes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hermod/server.h>

static struct event_base *base;

static hm_node *make_node(const char *name, const char *cookie, uint16_t dial_port) {
    struct hm_options options = HM_OPTIONS_INIT;
    char why[256] = "";
    hm_node *node = NULL;
    options.name = name;
    options.long_names = true;
    options.cookie = cookie;
    options.no_epmd = true;
    options.listen = "127.0.0.1";
    options.dial_port = dial_port;
    if (dial_port) {
        options.no_listen = true;
    } else {
        options.port_first = 20000;
        options.port_last = 60000;
    }
    int error = hm_node_new(base, &options, &node, why, sizeof why);
    if (error)
        fail_msg("%s", why);
    return node;
}

static void on_ready(void *arg, int error, const char *text) {
    assert_int_equal(error, HM_OK);
    assert_non_null(text);
    *(bool *)arg = true;
}

static void run_until(const bool *done) {
    struct timeval limit = {20, 0};
    event_base_loopexit(base, &limit);
    while (!*done) {
        assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
        assert_false(event_base_got_exit(base));
    }
}

static void start_node(hm_node *node) {
    bool ready = false;
    assert_int_equal(hm_node_start(node, on_ready, &ready), HM_OK);
    run_until(&ready);
}

/* ---- a server that is told what to do, and one that does it ---- */

static enum hm_verdict adder_call(hm_process *self, hm_term request, const hm_from *from) {
    int64_t a, b;
    if (hm_match(request, "{add, ~i, ~i}", &a, &b))
        return hm_reply(self, from, "{sum, ~i}", a + b);
    if (hm_is_atom(request, "die"))
        return hm_stop(self, "{because, asked}");
    return HM_UNKNOWN;
}

static void adder_terminate(hm_process *self, hm_term reason) {
    (void)reason;
    *(int *)hm_data(self) += 1;
}

static int adder_init(hm_process *self, void *argument) {
    hm_set_data(self, argument);
    return HM_OK;
}

static const struct hm_server_class adder = {
    .module = "adder", .init = adder_init, .call = adder_call, .terminate = adder_terminate};

struct client {
    const hm_node_name *server;
    bool done, down;
    int error;
    char *text;
};

static void keep_text(struct client *client, hm_term term) {
    free(client->text);
    client->text = NULL;
    if (term.size)
        assert_int_equal(hm_term_print(term, HM_SYNTAX_ERLANG, 0, &client->text), HM_OK);
}

static enum hm_verdict on_answer(hm_process *self, void *arg, int error, hm_term reply) {
    struct client *client = arg;
    assert_ptr_equal(hm_data(self), client);
    client->done = true;
    client->error = error;
    keep_text(client, reply);
    return HM_CONTINUE;
}

static int client_init(hm_process *self, void *argument) {
    hm_set_data(self, argument);
    return hm_monitor_nodes(self, true, true);
}

/* {call, Name, Request}, {monitor, Name}: do that at the other node. */
static enum hm_verdict client_cast(hm_process *self, hm_term message) {
    struct client *client = hm_data(self);
    struct hm_text name;
    hm_term request;
    char text[64] = "";
    if (hm_match(message, "{call, ~a, ~t}", &name, &request)) {
        memcpy(text, name.at, name.size);
        assert_int_equal(hm_call(self, hm_to_name(text, client->server), request, 5000, on_answer, client), HM_OK);
    } else if (hm_match(message, "{monitor, ~a}", &name)) {
        memcpy(text, name.at, name.size);
        assert_int_equal(hm_monitor(self, hm_to_name(text, client->server), NULL), HM_OK);
    }
    return HM_CONTINUE;
}

static enum hm_verdict client_info(hm_process *self, hm_term message) {
    struct client *client = hm_data(self);
    hm_term parts[5];
    if (hm_tuple_elements(message, 5, parts) && hm_is_atom(parts[0], "DOWN")) {
        client->down = true;
        keep_text(client, parts[4]);
    } else if (hm_match(message, "{nodedown, _}")) {
        client->done = true;
    }
    return HM_CONTINUE;
}

static const struct hm_server_class client_class = {
    .module = "client", .init = client_init, .cast = client_cast, .info = client_info};

static hm_process *tell_as;
static int teller_init(hm_process *self, void *argument) {
    (void)argument;
    tell_as = self;
    return HM_OK;
}
static const struct hm_server_class teller = {.module = "teller", .init = teller_init};

static void two_nodes_talk(void **state) {
    (void)state;
    base = event_base_new();
    int ended = 0;
    hm_node *server = make_node("server@127.0.0.1", "secret", 0);
    start_node(server);
    assert_int_not_equal(hm_node_port(server), 0);
    hm_node *client_node = make_node("client@127.0.0.1", "secret", hm_node_port(server));
    start_node(client_node);
    struct client client = {.server = hm_node_find(client_node, "server@127.0.0.1")};
    struct hm_start named = {.name = "adder"};
    hm_pid pid;
    assert_int_equal(hm_server_start(server, &adder, &named, &ended, NULL), HM_OK);
    assert_int_equal(hm_server_start(server, &adder, &named, &ended, NULL), HM_ETAKEN);
    assert_int_equal(hm_server_start(client_node, &client_class, NULL, &client, &pid), HM_OK);
    assert_int_equal(hm_server_start(client_node, &teller, NULL, NULL, NULL), HM_OK);

    hm_castf(tell_as, hm_to_pid(pid), "{call, adder, {add, 40, 2}}"); /* dials by itself */
    run_until(&client.done);
    assert_int_equal(client.error, HM_OK);
    assert_string_equal(client.text, "{sum,42}");

    client.done = false;
    hm_castf(tell_as, hm_to_pid(pid), "{call, adder, nonsense}");
    run_until(&client.done);
    assert_string_equal(client.text, "{error,unknown_call}");

    client.done = false;
    hm_castf(tell_as, hm_to_pid(pid), "{call, nobody, x}");
    run_until(&client.done);
    assert_int_equal(client.error, HM_ENOPROC);

    client.done = false;
    hm_castf(tell_as, hm_to_pid(pid), "{monitor, adder}");
    hm_castf(tell_as, hm_to_pid(pid), "{call, adder, die}");
    run_until(&client.down);
    run_until(&client.done);
    assert_int_equal(client.error, HM_EEXIT);
    assert_string_equal(client.text, "{because,asked}");
    assert_int_equal(ended, 1);

    client.done = client.down = false;
    assert_int_equal(hm_server_start(server, &adder, &named, &ended, NULL), HM_OK);
    hm_castf(tell_as, hm_to_pid(pid), "{monitor, adder}");
    hm_castf(tell_as, hm_to_pid(pid), "{call, adder, {add, 1, 1}}");
    run_until(&client.done);
    client.done = false;
    hm_node_stop(server); /* terminate runs; the other node sees the end of the process, then of the node */
    assert_int_equal(ended, 2);
    run_until(&client.done);
    assert_true(client.down);
    assert_string_equal(client.text, "shutdown");
    hm_node_free(server);
    hm_node_free(client_node);
    free(client.text);
    event_base_free(base);
}

struct connect_seen {
    bool done;
    int error;
    char text[256];
};

static void on_connect(void *arg, int error, const char *text) {
    struct connect_seen *seen = arg;
    seen->done = true;
    seen->error = error;
    snprintf(seen->text, sizeof seen->text, "%s", text);
}

static void connecting_says_what_went_wrong(void **state) {
    (void)state;
    base = event_base_new();
    hm_node *server = make_node("server@127.0.0.1", "secret", 0);
    start_node(server);
    hm_node *stranger = make_node("stranger@127.0.0.1", "guess", hm_node_port(server));
    start_node(stranger);
    struct connect_seen seen = {0};
    assert_int_equal(hm_connect(stranger, hm_node_find(stranger, "server@127.0.0.1"), on_connect, &seen), HM_OK);
    assert_false(seen.done);
    run_until(&seen.done);
    assert_int_equal(seen.error, HM_ECOOKIE);
    hm_node_free(stranger);

    hm_node *lost = make_node("lost@127.0.0.1", "secret", 1); /* nobody listens on port 1 */
    start_node(lost);
    seen = (struct connect_seen){0};
    assert_int_equal(hm_connect(lost, hm_node_find(lost, "server@127.0.0.1"), on_connect, &seen), HM_OK);
    run_until(&seen.done);
    assert_int_equal(seen.error, HM_ENOCONNECTION);
    assert_true(strlen(seen.text) > 0);
    hm_node_free(lost);

    hm_node *early = make_node("early@127.0.0.1", "secret", hm_node_port(server));
    seen = (struct connect_seen){0};
    hm_connect(early, hm_node_find(early, "server@127.0.0.1"), on_connect, &seen);
    hm_node_free(early); /* whoever waits is told at the latest now */
    assert_true(seen.done);
    assert_int_equal(seen.error, HM_ENOCONNECTION);
    hm_node_free(server);
    event_base_free(base);
}

static int try_name(const char *name, bool long_names, char *why, size_t capacity) {
    struct hm_options options = HM_OPTIONS_INIT;
    hm_node *node = NULL;
    options.name = name;
    options.long_names = long_names;
    options.cookie = "c";
    options.no_listen = true;
    int error = hm_node_new(base, &options, &node, why, capacity);
    hm_node_free(node);
    return error;
}

static void names_are_as_erlang_wants_them(void **state) {
    (void)state;
    char why[256];
    base = event_base_new();
    assert_int_equal(try_name("a@host", false, why, sizeof why), HM_OK);
    assert_int_equal(try_name("a", false, why, sizeof why), HM_OK);
    assert_int_equal(try_name("a@host.example.org", true, why, sizeof why), HM_OK);
    assert_int_equal(try_name("a@::1", true, why, sizeof why), HM_OK);
    assert_int_equal(try_name("a@host.example.org", false, why, sizeof why), HM_ENAME);
    assert_non_null(strstr(why, "Can't set short node name!"));
    assert_non_null(strstr(why, "--name"));
    assert_int_equal(try_name("@host", false, why, sizeof why), HM_ENAME);
    assert_int_equal(try_name("a b@host", false, why, sizeof why), HM_ENAME);
    assert_int_equal(try_name("a@b@c", false, why, sizeof why), HM_ENAME);
    assert_int_equal(try_name("A_b-9@host", false, why, sizeof why), HM_OK);
    assert_int_equal(try_name("a.b@host", false, why, sizeof why), HM_ENAME);
    assert_non_null(strstr(why, "letters, digits, _ and -"));
    assert_int_equal(try_name("a/b", false, why, sizeof why), HM_ENAME);
    assert_int_equal(try_name("", false, why, sizeof why), HM_ENAME);
    event_base_free(base);
}

static void write_file(const char *path, const char *text, mode_t mode) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static void cookie_files(void **state) {
    (void)state;
    char directory[] = "/tmp/hermod_cookie_XXXXXX", path[64], cookie[256], again[256], why[256];
    struct stat status;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/cookie", directory);
    assert_int_equal(hm_cookie_load(path, false, cookie, sizeof cookie, why, sizeof why), HM_ENOENT);
    assert_int_equal(hm_cookie_load(path, true, cookie, sizeof cookie, why, sizeof why), HM_OK);
    assert_int_equal(strlen(cookie), 20);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0400);
    assert_int_equal(hm_cookie_load(path, true, again, sizeof again, why, sizeof why), HM_OK);
    assert_string_equal(cookie, again);
    unlink(path);

    write_file(path, "monster\r\n \n", 0400);
    assert_int_equal(hm_cookie_load(path, true, cookie, sizeof cookie, why, sizeof why), HM_OK);
    assert_string_equal(cookie, "monster");
    assert_int_equal(hm_cookie_load(path, true, cookie, 4, why, sizeof why), HM_EINVAL);
    unlink(path);
    write_file(path, "monster\n", 0440);
    assert_int_equal(hm_cookie_load(path, true, cookie, sizeof cookie, why, sizeof why), HM_EINVAL);
    assert_non_null(strstr(why, "chmod 400"));
    unlink(path);
    write_file(path, "\n", 0400);
    assert_int_equal(hm_cookie_load(path, true, cookie, sizeof cookie, why, sizeof why), HM_EINVAL);
    unlink(path);
    write_file(path, "my monster \n", 0400); /* erl and iex take the space at the end for a part of it */
    assert_int_equal(hm_cookie_load(path, true, cookie, sizeof cookie, why, sizeof why), HM_OK);
    assert_string_equal(cookie, "my monster ");
    unlink(path);
    write_file(path, "monster\nanother\n", 0400);
    assert_int_equal(hm_cookie_load(path, true, cookie, sizeof cookie, why, sizeof why), HM_EINVAL);
    assert_non_null(strstr(why, "one line"));
    unlink(path);
    write_file(path, "mon\x01ster\n", 0400);
    assert_int_equal(hm_cookie_load(path, true, cookie, sizeof cookie, why, sizeof why), HM_EINVAL);
    unlink(path);
    assert_int_equal(hm_cookie_load(directory, true, cookie, sizeof cookie, why, sizeof why), HM_EINVAL);
    rmdir(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_nodes_talk),
        cmocka_unit_test(connecting_says_what_went_wrong),
        cmocka_unit_test(names_are_as_erlang_wants_them),
        cmocka_unit_test(cookie_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
