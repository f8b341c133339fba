/* The recorded datagrams of test/fuzz/corpus; tests run at the top of the tree. */
#ifndef TEST_UNIT_DISCOVERY_CORPUS_H
#define TEST_UNIT_DISCOVERY_CORPUS_H

#include "discovery_fixture.h"

#include "base/bytes.h"

/* Exactly as large as the datagram, so that a sanitizer sees a read behind it. free() its .at. */
static inline struct bytes corpus(const char *format, const char *name) {
    char path[256];
    snprintf(path, sizeof path, "test/fuzz/corpus/%s/%s", format, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("%s is not there", path);
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(size ? size : 1);
    assert_int_equal(fread(bytes, 1, size, file), size);
    fclose(file);
    return bytes_of(bytes, size);
}

static inline void corpus_free(struct bytes bytes) {
    free((void *)(uintptr_t)bytes.at);
}

#endif
