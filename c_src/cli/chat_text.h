/*
 * cli/chat_text: what others wrote, made safe for a terminal; and what a nick becomes in a node's name.
 */
#ifndef HM_CLI_CHAT_TEXT_H
#define HM_CLI_CHAT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Copies text as one printable line: control characters (also those above 127, and those that turn the
 * direction of writing) and what is no UTF-8 come out as \x1b or \u202e, a tab as a space, spaces at the end
 * are dropped. What does not fit is cut at a whole character and ends in "...". capacity is at least 4.
 * Returns the size. */
size_t chat_text_clean(const char *text, size_t size, char *out, size_t capacity);

/* Is all of it UTF-8 without control characters? */
bool chat_text_is_clean(const char *text);

/* The alive name of a client's node: letters, digits, _ and - of the nick, at most 32; never empty. */
void chat_text_node_name(const char *nick, char *out, size_t capacity);

/* How many of the bytes are whole characters and whole key sequences (ESC [ A): what libedit would read on
 * from, and so wait for in the middle of our loop, is left for later. */
size_t chat_text_whole_keys(const char *bytes, size_t size);

#endif
