/* Lines that servers and programs log. */
#include "node_fixture.h"

#include <hermod/log.h>
#include <string.h>

static char line[2048];

static void keep(void *arg, enum log_level level, const char *id, const char *text) {
    (void)arg, (void)level, (void)id;
    strncpy(line, text, sizeof line - 1);
}

static void what_a_peer_said_stays_in_its_line(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    struct seen seen;
    hm_process *process = fixture_process(node, &seen);
    node->log = (struct log){.level = LOG_INFO, .write = keep};
    hm_log(process, HM_LOG_INFO, "shop.order", "from %s", "joe\n12:00 error peer.up forged\x1b[2J\x7f");
    assert_string_equal(line, "from joe\\x0a12:00 error peer.up forged\\x1b[2J\\x7f");
    hm_node_log(node, HM_LOG_INFO, "shop.order", "%s", "Zo\xc3\xab \xe2\x82\xac \xc2\x9b\xc2\xa0 \\");
    assert_string_equal(line, "Zo\xc3\xab \xe2\x82\xac \\xc2\\x9b\xc2\xa0 \\");
    fixture_free(node);
    seen_clear(&seen);
}

static void a_long_line_is_cut(void **state) {
    (void)state;
    struct hm_node *node = fixture_new();
    char text[3000];
    node->log = (struct log){.level = LOG_INFO, .write = keep};
    memset(text, '\n', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    hm_node_log(node, HM_LOG_INFO, "shop.order", "%s", text);
    assert_in_range(strlen(line), 1000, 1023);
    assert_null(strchr(line, '\n'));
    memset(text, 0xc2, sizeof text - 1);
    hm_node_log(node, HM_LOG_INFO, "shop.order", "%s", text);
    assert_in_range(strlen(line), 1000, 1023);
    fixture_free(node);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_peer_said_stays_in_its_line),
        cmocka_unit_test(a_long_line_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
