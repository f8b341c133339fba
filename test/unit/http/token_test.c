#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hermod/error.h>

#include "http/token.h"

static char path[64];

static void write_file(const char *text, mode_t mode) {
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    assert_int_equal(chmod(path, mode), 0);
}

static void expect_refusal(const char *text, mode_t mode, const char *word) {
    char token[HTTP_TOKEN_BYTES], why[1024];
    write_file(text, mode);
    assert_int_equal(http_token_load(path, token, why, sizeof why), HM_EINVAL);
    if (!strstr(why, word))
        fail_msg("%s lacks %s", why, word);
    assert_null(strstr(why, "0123456789abcdef")); /* never the token */
}

static void the_first_line_is_the_token(void **state) {
    char token[HTTP_TOKEN_BYTES], why[1024];
    (void)state;
    write_file("0123456789abcdef\n", 0400);
    assert_int_equal(http_token_load(path, token, why, sizeof why), 0);
    assert_string_equal(token, "0123456789abcdef");
    write_file("abcDEF-._~+/01234==\r\nmore\n", 0440);
    assert_int_equal(http_token_load(path, token, why, sizeof why), 0);
    assert_string_equal(token, "abcDEF-._~+/01234==");
}

static void what_is_unsafe_is_refused(void **state) {
    (void)state;
    expect_refusal("0123456789abcdef\n", 0444, "chmod 400");
    expect_refusal("0123456789abcdef\n", 0604, "chmod 400");
    expect_refusal("0123456789abcdef\n", 0620, "chmod 400");
    expect_refusal("short\n", 0400, "no token");
    expect_refusal("", 0400, "no token");
    expect_refusal("================\n", 0400, "no token");
    expect_refusal("0123456789abcdef with spaces\n", 0400, "no token");
    expect_refusal("0123456789=abcdef\n", 0400, "no token");
    expect_refusal("0123456789abcd\xc3\xa4\n", 0400, "no token");
    char large[1000];
    memset(large, 'a', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    expect_refusal(large, 0400, "no token");
}

static void a_file_that_is_none_is_refused(void **state) {
    char token[HTTP_TOKEN_BYTES], why[1024];
    (void)state;
    unlink(path);
    assert_int_equal(http_token_load(path, token, why, sizeof why), HM_ENOENT);
    assert_non_null(strstr(why, "urandom"));
    assert_int_equal(http_token_load("/", token, why, sizeof why), HM_EINVAL);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(http_token_load(path, token, why, sizeof why), HM_EINVAL); /* at once, too */
}

static void only_the_token_admits(void **state) {
    static const char TOKEN[] = "0123456789abcdef";
    (void)state;
    assert_true(http_token_admits(TOKEN, "Bearer 0123456789abcdef"));
    assert_true(http_token_admits(TOKEN, "bearer  0123456789abcdef"));
    assert_false(http_token_admits(TOKEN, NULL));
    assert_false(http_token_admits(TOKEN, ""));
    assert_false(http_token_admits(TOKEN, "Bearer"));
    assert_false(http_token_admits(TOKEN, "Bearer "));
    assert_false(http_token_admits(TOKEN, "Bearer 0123456789abcde"));
    assert_false(http_token_admits(TOKEN, "Bearer 0123456789abcdef0"));
    assert_false(http_token_admits(TOKEN, "Bearer 0123456789abcdeg"));
    assert_false(http_token_admits(TOKEN, "Bearer 0123456789abcdef "));
    assert_false(http_token_admits(TOKEN, "Bearer 0123456789abcdef0123456789abcdef"));
    assert_false(http_token_admits(TOKEN, "Basic 0123456789abcdef"));
    assert_false(http_token_admits(TOKEN, "0123456789abcdef"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_line_is_the_token),
        cmocka_unit_test(what_is_unsafe_is_refused),
        cmocka_unit_test(a_file_that_is_none_is_refused),
        cmocka_unit_test(only_the_token_admits),
    };
    snprintf(path, sizeof path, "/tmp/hermod-token-test.%ld", (long)getpid());
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
