#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "http/json.h"

static char text[1024];

static struct json begin(struct writer *out) {
    writer_init(out, sizeof text - 1);
    return (struct json){.out = out};
}

static const char *end(struct writer *out) {
    assert_int_equal(out->error, 0);
    memcpy(text, out->at, out->size);
    text[out->size] = '\0';
    writer_fini(out);
    return text;
}

static void commas_stand_between_values(void **state) {
    struct writer out;
    struct json json = begin(&out);
    (void)state;
    json_begin(&json, '{');
    json_key(&json, "a");
    json_begin(&json, '[');
    json_unsigned(&json, 1);
    json_begin(&json, '[');
    json_end(&json, ']');
    json_begin(&json, '{');
    json_end(&json, '}');
    json_end(&json, ']');
    json_key(&json, "b");
    json_string(&json, "x");
    json_key(&json, "c");
    json_unsigned(&json, UINT64_MAX);
    json_end(&json, '}');
    assert_string_equal(end(&out), "{\"a\":[1,[],{}],\"b\":\"x\",\"c\":18446744073709551615}");
}

static void texts_are_safe_wherever_they_go(void **state) {
    struct writer out;
    struct json json = begin(&out);
    (void)state;
    json_text(&json, (struct hm_text){"\"\\\n\0</script>&\x7f\xff\xc3\xa9", 18});
    assert_string_equal(end(&out), "\"\\u0022\\u005c\\u000a\\u0000\\u003c/script\\u003e\\u0026\\u007f\xef\xbf\xbd\xc3\xa9\"");
}

static void numbers_are_what_json_has(void **state) {
    struct writer out;
    struct json json = begin(&out);
    (void)state;
    json_begin(&json, '[');
    json_real(&json, 0.5);
    json_real(&json, 1e-7);
    json_real(&json, INFINITY);
    json_real(&json, NAN);
    json_end(&json, ']');
    assert_string_equal(end(&out), "[0.5,1e-07,null,null]");
}

static void terms_are_text(void **state) {
    struct writer out;
    struct json json = begin(&out);
    hm_build *build = hm_build_new();
    (void)state;
    hm_put_format(build, "{room, ~s}", "lobby <b>");
    json_term(&json, hm_build_term(build), 100);
    assert_string_equal(end(&out), "\"{:room, \\u0022lobby \\u003cb\\u003e\\u0022}\"");
    json = begin(&out);
    hm_build_reset(build);
    hm_put_format(build, "~s", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    json_term(&json, hm_build_term(build), 10);
    assert_true(strlen(end(&out)) < 30);
    assert_non_null(strstr(text, "..."));
    hm_build_free(build);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_stand_between_values),
        cmocka_unit_test(texts_are_safe_wherever_they_go),
        cmocka_unit_test(numbers_are_what_json_has),
        cmocka_unit_test(terms_are_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
