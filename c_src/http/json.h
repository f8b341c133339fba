/*
 * http/json: JSON into a writer (RFC 8259).
 *
 * Commas are the writer's business: json_begin, values, json_end. A key is said before its value. What is no UTF-8 in a text becomes U+FFFD, and
 * what HTML reads in a special way is escaped. Pure; any thread.
 */
#ifndef HM_HTTP_JSON_H
#define HM_HTTP_JSON_H

#include <hermod/term.h>

#include "base/bytes.h"

struct json {
    struct writer *out;
    bool behind; /* a value: the next one needs a comma */
};

void json_begin(struct json *json, char bracket); /* '{' or '[' */
void json_end(struct json *json, char bracket);   /* '}' or ']' */
void json_key(struct json *json, const char *key); /* a literal */
void json_text(struct json *json, struct hm_text text);
void json_string(struct json *json, const char *text);
void json_unsigned(struct json *json, uint64_t value);
void json_real(struct json *json, double value); /* null when it is none that JSON has */
/* As text in Elixir's syntax, cut to about `limit' bytes. */
void json_term(struct json *json, hm_term term, size_t limit);

#endif
