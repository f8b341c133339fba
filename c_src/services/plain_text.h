/*
 * services/plain_text: text of a stranger made fit for somebody's terminal.
 *
 * Pure functions on bytes. Every well-formed UTF-8 character that is no control character passes untouched.
 * What does not:
 *   - tab, line feed, carriage return, NEL: a space each, so that no one writes lines in another's name;
 *   - escape sequences (ECMA-48: CSI, OSC and other strings, shorter escapes; by ESC or C1): nothing;
 *   - other control characters of C0 and C1, DEL: nothing;
 *   - bytes that are no UTF-8: U+FFFD for each longest invalid piece (Unicode 15, section 3.9).
 *
 * The command-line chat uses it too: a server that is not ours may forward anything.
 */
#ifndef HM_SERVICES_PLAIN_TEXT_H
#define HM_SERVICES_PLAIN_TEXT_H

#include <stdbool.h>
#include <stddef.h>

enum { PLAIN_TEXT_GROWTH = 3 }; /* the result is at most this many times as long */

/* true when plain_text_clean would change nothing. */
bool plain_text_is_clean(const char *text, size_t size);

/* Writes the clean form into out, which has room for PLAIN_TEXT_GROWTH * size bytes and is another buffer;
 * its length. No NUL is appended. */
size_t plain_text_clean(char *out, const char *text, size_t size);

#endif
