/*
 * otp/io_text: what Erlang takes for text (unicode:chardata(), iolists) as UTF-8, and what of it a shell
 * writes between quotes.
 *
 * Pure functions on terms that were checked and bytes of any kind; output goes into a writer of the caller,
 * whose cap bounds it. Recursive, as deep as the terms are. Any thread.
 */
#ifndef HM_OTP_IO_TEXT_H
#define HM_OTP_IO_TEXT_H

#include "base/bytes.h"
#include <hermod/term.h>

enum io_text_kind {
    IO_TEXT_UNICODE, /* unicode:characters_to_binary(Chars, utf8): binaries are UTF-8, characters may be cut
                        between two */
    IO_TEXT_LATIN1,  /* (Chars, latin1), and ~s: bytes and integers below 256 */
    IO_TEXT_LENIENT, /* ~ts: a binary that is no UTF-8 is Latin-1 */
};

/* Appends a list or binary as UTF-8. HM_EINVAL when it is no such text (what was written stays); errors of
 * the writer. */
int io_text_append(struct writer *out, hm_term chars, enum io_text_kind kind);
/* One character; HM_EINVAL when it is none. */
int io_text_put(struct writer *out, int64_t character);
/* An atom's characters. */
void io_text_put_atom(struct writer *out, hm_term atom);
/* `count` times the same character. */
int io_text_fill(struct writer *out, int64_t character, uint64_t count);
/* Characters in valid UTF-8; `size` of the first `count` characters in bytes. */
size_t io_text_length(const uint8_t *at, size_t size);
size_t io_text_bytes_of(const uint8_t *at, size_t size, size_t count);
/* No character above U+00FF in valid UTF-8. */
bool io_text_is_latin1(struct bytes utf8);

/* io_lib:printable_latin1_list/1: what ~p takes for text. */
bool io_text_is_printable(uint32_t character);
/* io_lib:write_string/2, write_atom/1: between quotes, escaped; latin1: characters above 255 as \x{...}. */
void io_text_quote(struct writer *out, const uint8_t *at, size_t size, char quote, bool latin1);
void io_text_write_atom(struct writer *out, hm_term atom, bool latin1);

#endif
