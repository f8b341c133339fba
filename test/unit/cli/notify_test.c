/* What a service manager gets to read on $NOTIFY_SOCKET. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>
#include <hermod/error.h>

#include "cli/notify.h"

static char socket_variable[128], usec_variable[32], pid_variable[32];

static char *look_up(const char *name) {
    char *value = strcmp(name, "NOTIFY_SOCKET") == 0   ? socket_variable
                  : strcmp(name, "WATCHDOG_USEC") == 0 ? usec_variable
                  : strcmp(name, "WATCHDOG_PID") == 0  ? pid_variable
                                                       : NULL;
    return value && *value ? value : NULL;
}

/* The manager: a socket with an abstract name, and the loop of the daemon beside it. */
struct manager {
    int fd;
    struct event_base *base;
    char name[64];
    char got[4096];
};

static void set(const char *path, const char *usec, const char *pid) {
    snprintf(socket_variable, sizeof socket_variable, "%s", path);
    snprintf(usec_variable, sizeof usec_variable, "%s", usec);
    snprintf(pid_variable, sizeof pid_variable, "%s", pid);
}

static int begin(void **state) {
    static int number;
    struct manager *m = calloc(1, sizeof *m);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_non_null(m);
    int size = snprintf(m->name, sizeof m->name, "@hermod-notify-%ld-%d", (long)getpid(), number++);
    memcpy(address.sun_path + 1, m->name + 1, (size_t)size - 1);
    m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(m->fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)size)), 0);
    m->base = event_base_new();
    *state = m;
    return 0;
}

static int end(void **state) {
    struct manager *m = *state;
    close(m->fd);
    event_base_free(m->base);
    free(m);
    return 0;
}

static const char *next(struct manager *m) {
    ssize_t size = recv(m->fd, m->got, sizeof m->got - 1, 0);
    if (size < 0)
        return NULL;
    m->got[size] = '\0';
    return m->got;
}

static struct notify *opened(struct manager *m, const char *usec, const char *pid) {
    struct notify *notify;
    char why[1024];
    set(m->name, usec, pid);
    assert_int_equal(notify_open(&notify, m->base, look_up, why, sizeof why), 0);
    assert_non_null(notify);
    return notify;
}

static void nobody_to_tell(void **state) {
    struct manager *m = *state;
    struct notify *notify;
    char why[1024];
    set("", "1000000", "");
    assert_int_equal(notify_open(&notify, m->base, look_up, why, sizeof why), 0);
    assert_null(notify);
    notify_ready(NULL, "x");
    notify_stopping(NULL);
    notify_close(NULL);
}

static void ready_and_stopping(void **state) {
    struct manager *m = *state;
    struct notify *notify = opened(m, "", "");
    assert_null(next(m));
    notify_ready(notify, "a@vm, port 5");
    assert_string_equal(next(m), "READY=1\nSTATUS=a@vm, port 5");
    assert_int_equal(event_base_loop(m->base, EVLOOP_NONBLOCK), 1); /* nothing is waited for: there is no watchdog */
    notify_stopping(notify);
    assert_memory_equal(next(m), "STOPPING=1\n", 11);
    notify_close(notify);
}

static void life_signs_come_from_the_loop(void **state) {
    struct manager *m = *state;
    char pid[32];
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    struct notify *notify = opened(m, "2000", pid);
    notify_ready(notify, "x");
    assert_memory_equal(next(m), "READY=1", 7);
    usleep(10000); /* five times as long as allowed: without the loop there is none */
    assert_null(next(m));
    for (int i = 0; i < 3; i++) {
        while (!next(m))
            event_base_loop(m->base, EVLOOP_ONCE);
        assert_string_equal(m->got, "WATCHDOG=1");
    }
    notify_stopping(notify);
    while (next(m) && strcmp(m->got, "WATCHDOG=1") == 0)
        ;
    assert_memory_equal(m->got, "STOPPING=1\n", 11);
    assert_int_equal(event_base_loop(m->base, EVLOOP_NONBLOCK), 1);
    notify_close(notify);
}

static void no_life_signs_for_another_process(void **state) {
    struct manager *m = *state;
    struct notify *notify = opened(m, "2000", "1");
    notify_ready(notify, "x");
    assert_memory_equal(next(m), "READY=1", 7);
    assert_int_equal(event_base_loop(m->base, EVLOOP_NONBLOCK), 1);
    notify_close(notify);
}

static void a_manager_that_reads_late_hears_of_it(void **state) {
    struct manager *m = *state;
    struct notify *notify = opened(m, "", "");
    struct notify *other = opened(m, "", "");
    for (int i = 0; i < 2000; i++) /* until its queue is full, and longer */
        notify_stopping(other);
    notify_ready(notify, "late");
    assert_int_equal(event_base_loop(m->base, EVLOOP_NONBLOCK), 0); /* it waits, and will try again */
    bool seen = false;
    while (event_base_get_num_events(m->base, EVENT_BASE_COUNT_ADDED)) {
        while (next(m))
            seen = seen || strncmp(m->got, "READY=1", 7) == 0;
        event_base_loop(m->base, EVLOOP_ONCE);
    }
    while (next(m))
        seen = seen || strncmp(m->got, "READY=1", 7) == 0;
    assert_true(seen);
    notify_close(notify);
    notify_close(other);
}

static void nonsense(void **state) {
    struct manager *m = *state;
    char long_path[120], why[1024];
    memset(long_path, 'x', sizeof long_path);
    long_path[0] = '/';
    long_path[sizeof long_path - 1] = '\0';
    const struct {
        const char *path, *usec;
        int error;
    } cases[] = {
        {"relative", "", HM_EINVAL}, {"@", "", HM_EINVAL},       {long_path, "", HM_EINVAL}, {"/nobody/is/here", "", HM_ESYSTEM},
        {m->name, "x", HM_EINVAL},   {m->name, "0", HM_EINVAL},  {m->name, "-5", HM_EINVAL}, {m->name, "18446744073709551616", HM_EINVAL},
        {m->name, "5 ", HM_EINVAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct notify *notify = (struct notify *)m;
        set(cases[i].path, cases[i].usec, "");
        assert_int_equal(notify_open(&notify, m->base, look_up, why, sizeof why), cases[i].error);
        assert_null(notify);
        assert_non_null(strchr(why, '$'));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_to_tell, begin, end),
        cmocka_unit_test_setup_teardown(ready_and_stopping, begin, end),
        cmocka_unit_test_setup_teardown(life_signs_come_from_the_loop, begin, end),
        cmocka_unit_test_setup_teardown(no_life_signs_for_another_process, begin, end),
        cmocka_unit_test_setup_teardown(a_manager_that_reads_late_hears_of_it, begin, end),
        cmocka_unit_test_setup_teardown(nonsense, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
