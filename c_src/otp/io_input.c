#include "otp/io_input.h"

#include "etf/utf8.h"
#include "otp/io_text.h"

void io_input_init(struct io_input *input, size_t max) {
    *input = (struct io_input){0};
    writer_init(&input->bytes, max);
}

void io_input_fini(struct io_input *input) {
    writer_fini(&input->bytes);
}

static size_t left(const struct io_input *input) {
    return input->bytes.size - input->begin;
}

int io_input_add(struct io_input *input, const void *bytes, size_t size) {
    struct writer *writer = &input->bytes;
    if (size > writer->cap - left(input))
        return HM_ELIMIT;
    if (input->begin) {
        memmove(writer->at, writer->at + input->begin, left(input));
        writer->size -= input->begin;
        input->scanned -= input->scanned < input->begin ? input->scanned : input->begin;
        input->begin = 0;
    }
    writer_put(writer, bytes, size);
    int error = writer->error;
    writer->error = HM_OK; /* what is there stays usable */
    return error;
}

/* What is left at the end, or when there is no room for more. */
static enum io_taken take_rest(struct io_input *input, struct bytes *data) {
    if (left(input) && (input->eof || left(input) == input->bytes.cap)) {
        *data = bytes_of(input->bytes.at + input->begin, left(input));
        return IO_TAKEN_DATA;
    }
    if (!input->eof)
        return IO_TAKEN_NOTHING;
    input->eof = false;
    return IO_TAKEN_EOF;
}

enum io_taken io_input_line(struct io_input *input, struct bytes *line) {
    size_t from = input->scanned > input->begin ? input->scanned : input->begin;
    const uint8_t *end =
        input->bytes.size > from ? memchr(input->bytes.at + from, '\n', input->bytes.size - from) : NULL;
    input->scanned = end ? (size_t)(end - input->bytes.at) : input->bytes.size;
    if (!end)
        return take_rest(input, line);
    const uint8_t *begin = input->bytes.at + input->begin;
    *line = bytes_of(begin, (size_t)(end + 1 - begin));
    return IO_TAKEN_DATA;
}

/* 0: the beginning of a character whose rest has not come yet. */
static unsigned next_size(const uint8_t *at, const uint8_t *end) {
    uint32_t c;
    unsigned size = utf8_next(at, end, &c);
    if (size)
        return size;
    unsigned wanted = *at >= 0xF0 && *at <= 0xF4  ? 4
                      : *at >= 0xE0 && *at < 0xF0 ? 3
                      : *at >= 0xC2 && *at < 0xE0 ? 2
                                                  : 1;
    if ((size_t)(end - at) >= wanted)
        return 1;
    for (const uint8_t *more = at + 1; more < end; more++)
        if ((*more & 0xC0) != 0x80)
            return 1;
    return 0;
}

enum io_taken io_input_characters(struct io_input *input, uint64_t count, bool latin1, struct bytes *data) {
    if (!left(input))
        return take_rest(input, data);
    const uint8_t *begin = input->bytes.at + input->begin, *at = begin, *end = at + left(input);
    uint64_t found = 0;
    for (; found < count && at < end; found++) {
        unsigned size = latin1 ? 1 : next_size(at, end);
        if (!size && !input->eof)
            break;
        at += size ? size : 1;
    }
    if (found < count)
        return take_rest(input, data);
    *data = bytes_of(begin, (size_t)(at - begin));
    return IO_TAKEN_DATA;
}

void io_input_drop(struct io_input *input, size_t size) {
    input->begin += size;
    if (!left(input)) {
        input->begin = input->scanned = 0;
        writer_reset(&input->bytes);
    }
}

void io_input_decode(struct writer *out, struct bytes data, bool latin1) {
    if (!data.size)
        return; /* nor is there a pointer to add to */
    const uint8_t *at = data.at, *end = at + data.size;
    if (!latin1 && utf8_valid(at, data.size, NULL)) {
        writer_put(out, at, data.size);
        return;
    }
    while (at < end && !out->error) {
        uint32_t c;
        unsigned size = latin1 ? 0 : utf8_next(at, end, &c);
        io_text_put(out, size ? c : *at);
        at += size ? size : 1;
    }
}
