/*
 * otp/io_input: bytes that a device has read and nobody has asked for yet: lines and characters are cut from
 * them.
 *
 * Owns the bytes. Invalid UTF-8 is taken for Latin-1, so every byte is part of some character. io_server uses
 * it. One thread.
 */
#ifndef HM_OTP_IO_INPUT_H
#define HM_OTP_IO_INPUT_H

#include "base/bytes.h"

struct io_input {
    struct writer bytes;
    size_t begin, scanned; /* what was given out; up to where no end of line is */
    bool eof;
};

enum io_taken { IO_TAKEN_DATA, IO_TAKEN_EOF, IO_TAKEN_NOTHING };

void io_input_init(struct io_input *input, size_t max);
void io_input_fini(struct io_input *input);
/* HM_ELIMIT: no room; nothing was taken. HM_ENOMEM. */
int io_input_add(struct io_input *input, const void *bytes, size_t size);

/* A line with its end; without one at the end of the input or when there is no room for more. The range lends
 * until the input is changed; the caller gives it back with io_input_drop when it was used. */
enum io_taken io_input_line(struct io_input *input, struct bytes *line);
/* `count` characters, fewer at the end of the input. latin1: each byte is one. */
enum io_taken io_input_characters(struct io_input *input, uint64_t count, bool latin1, struct bytes *data);
void io_input_drop(struct io_input *input, size_t size);

/* What was cut as UTF-8. */
void io_input_decode(struct writer *out, struct bytes data, bool latin1);

#endif
