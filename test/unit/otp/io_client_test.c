/* What a process learns of the IO request that it made. The probe asks; a server is the device. */
#include "otp_fixture.h"

#include "etf/ids.h"
#include "otp/io_client.h"

struct outcome {
    int calls, error;
    char reply[200];
};

static struct outcome outcome;

static enum hm_verdict on_done(hm_process *self, void *arg, int error, hm_term reply) {
    assert_non_null(self);
    assert_ptr_equal(arg, &outcome);
    outcome.calls++;
    outcome.error = error;
    outcome.reply[0] = '\0';
    if (reply.size) {
        char *text = print_term(reply);
        snprintf(outcome.reply, sizeof outcome.reply, "%s", text);
        free(text);
    }
    return HM_CONTINUE;
}

/* Repeats the request to the probe, then does what the text says. */
static enum hm_verdict device_info(hm_process *self, hm_term message) {
    struct fixture *fixture = hm_data(self);
    hm_term from, reply_as, request;
    hm_pid pid;
    assert_true(hm_match(message, "{io_request, ~t, ~t, ~t}", &from, &reply_as, &request));
    assert_true(pid_decode(self->node->names, from, &pid));
    hm_send(self, hm_to_pid(fixture->probe.process->pid), request);
    if (hm_match(request, "{put_chars, unicode, \"end\"}"))
        return hm_stop(self, "gone");
    if (hm_match(request, "{put_chars, unicode, \"silent\"}"))
        return HM_CONTINUE;
    hm_sendf(self, hm_to_pid(pid), "{io_reply, ~t, ok}", reply_as);
    return HM_CONTINUE;
}

static int device_init(hm_process *self, void *argument) {
    hm_set_data(self, argument);
    return HM_OK;
}

static const struct hm_server_class device_class = {
    .module = "device", .init = device_init, .info = device_info};

static hm_pid start_device(struct fixture *fixture) {
    hm_pid pid;
    assert_int_equal(hm_server_start(fixture->node, &device_class, NULL, fixture, &pid), HM_OK);
    outcome = (struct outcome){0};
    return pid;
}

static void expect_outcome(struct fixture *fixture, int error, const char *reply) {
    fixture_run(fixture);
    assert_int_equal(outcome.calls, 1);
    assert_int_equal(outcome.error, error);
    assert_string_equal(outcome.reply, reply);
    outcome = (struct outcome){0};
}

static void the_answer_comes_back(void **state) {
    struct fixture *fixture = *state;
    hm_process *self = fixture->probe.process;
    hm_pid device = start_device(fixture);
    assert_int_equal(io_client_put_chars(self, device, "h\xc3\xa9\n", 4, on_done, &outcome), HM_OK);
    expect_outcome(fixture, HM_OK, "ok");
    expect_text(fixture, "{put_chars,unicode,<<\"h\xc3\xa9\\n\"/utf8>>}");
    assert_true(LIST_EMPTY(&self->calls));
    assert_true(LIST_EMPTY(&self->aliases));
    assert_true(LIST_EMPTY(&self->watching));
}

static void formats_are_left_to_the_device(void **state) {
    struct fixture *fixture = *state;
    hm_pid device = start_device(fixture);
    hm_build *build = hm_build_new();
    hm_put_format(build, "[1, two]");
    assert_int_equal(io_client_format(fixture->probe.process, device, ATOM_TERM("~p ~p"),
                                      hm_build_term(build), on_done, &outcome),
                     HM_OK);
    hm_build_free(build);
    expect_outcome(fixture, HM_OK, "ok");
    expect_text(fixture, "{put_chars,unicode,io_lib,format,['~p ~p',[1,two]]}");
}

static void nobody_has_to_ask_for_the_answer(void **state) {
    struct fixture *fixture = *state;
    hm_pid device = start_device(fixture);
    assert_int_equal(hm_io_put_chars(fixture->probe.process, device, "x", 1, -1, NULL, NULL), HM_OK);
    fixture_run(fixture);
    expect_text(fixture, "{put_chars,unicode,<<\"x\">>}"); /* and no io_reply */
    assert_true(LIST_EMPTY(&fixture->probe.process->calls));
}

static void a_device_that_is_not_there_is_an_error(void **state) {
    struct fixture *fixture = *state;
    hm_process *self = fixture->probe.process;
    hm_pid device = start_device(fixture);
    assert_int_equal(hm_io_put_chars(self, HM_NO_PID, "x", 1, -1, on_done, &outcome), HM_EINVAL);
    assert_int_equal(io_client_put_chars(self, device, "end", 3, on_done, &outcome), HM_OK);
    expect_outcome(fixture, HM_EEXIT, "gone");
    probe_clear(&fixture->probe);
    assert_int_equal(io_client_put_chars(self, device, "x", 1, on_done, &outcome), HM_OK);
    expect_outcome(fixture, HM_ENOPROC, "noproc");
    expect_nothing(fixture);
}

static void a_device_that_is_silent_is_given_up(void **state) {
    struct fixture *fixture = *state;
    hm_pid device = start_device(fixture);
    assert_int_equal(hm_io_put_chars(fixture->probe.process, device, "silent", 6, 0, on_done, &outcome),
                     HM_OK);
    expect_outcome(fixture, HM_ETIMEOUT, "");
}

/* Answers are told apart by their reference and shape: others stay messages of the process. */
static void a_stray_answer_is_an_ordinary_message(void **state) {
    struct fixture *fixture = *state;
    hm_process *self = fixture->probe.process;
    hm_pid device = start_device(fixture);
    hm_ref ref = node_make_ref(fixture->node);
    assert_int_equal(io_client_put_chars(self, device, "silent", 6, on_done, &outcome), HM_OK);
    fixture_run(fixture);
    probe_clear(&fixture->probe);
    fixture_send(fixture, hm_to_pid(self->pid), "{io_reply, ~r, ok}", &ref);
    assert_int_equal(outcome.calls, 0);
    assert_int_equal(fixture->probe.count, 1);
    probe_clear(&fixture->probe);
    fixture_send(fixture, hm_to_pid(self->pid), "{io_reply, x, ok}");
    expect_text(fixture, "{io_reply,x,ok}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_answer_comes_back),
        TEST(formats_are_left_to_the_device),
        TEST(nobody_has_to_ask_for_the_answer),
        TEST(a_device_that_is_not_there_is_an_error),
        TEST(a_device_that_is_silent_is_given_up),
        TEST(a_stray_answer_is_an_ordinary_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
