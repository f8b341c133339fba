#include "support/golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glob.h>

#include <cmocka.h>

static uint8_t *read_file(const char *path, size_t extra, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*size + extra ? *size + extra : 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

size_t golden_each(const char *prefix, const char *suffix,
                   void (*callback)(const struct golden *golden, void *context), void *context) {
    char pattern[300];
    glob_t found;
    snprintf(pattern, sizeof pattern, "test/golden/*/%s*%s", prefix, suffix);
    if (glob(pattern, 0, NULL, &found) != 0)
        fail_msg("no file matches %s", pattern);
    size_t count = found.gl_pathc;
    for (size_t i = 0; i < count; i++) {
        struct golden golden = {.path = found.gl_pathv[i]};
        golden.bytes = read_file(golden.path, 0, &golden.size);
        assert_non_null(golden.bytes);
        callback(&golden, context);
        free(golden.bytes);
    }
    globfree(&found);
    return count;
}

char *golden_text_beside(const struct golden *golden, const char *suffix) {
    char path[300];
    size_t size;
    const char *dot = strrchr(golden->path, '.');
    snprintf(path, sizeof path, "%.*s%s", (int)(dot - golden->path), golden->path, suffix);
    char *text = (char *)read_file(path, 1, &size);
    if (text)
        text[size] = 0;
    return text;
}
