#include "http/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "etf/utf8.h"

static void put(struct json *json, const char *text) {
    writer_put(json->out, text, strlen(text));
}

static void begin_value(struct json *json) {
    if (json->behind)
        put(json, ",");
    json->behind = true;
}

void json_begin(struct json *json, char bracket) {
    begin_value(json);
    writer_u8(json->out, (uint8_t)bracket);
    json->behind = false;
}

void json_end(struct json *json, char bracket) {
    writer_u8(json->out, (uint8_t)bracket);
    json->behind = true;
}

static void put_text(struct json *json, struct hm_text text) {
    const uint8_t *p = (const uint8_t *)text.at, *end = p + text.size;
    put(json, "\"");
    while (p < end) {
        uint32_t character;
        unsigned length = utf8_next(p, end, &character);
        if (length == 0) {
            put(json, "\xef\xbf\xbd"); /* U+FFFD */
        } else if (*p < ' ' || *p == 0x7f || strchr("\"\\<>&", *p)) {
            char escape[8];
            snprintf(escape, sizeof escape, "\\u%04x", *p);
            put(json, escape);
        } else {
            writer_put(json->out, p, length);
        }
        p += length ? length : 1;
    }
    put(json, "\"");
}

void json_key(struct json *json, const char *key) {
    begin_value(json);
    put_text(json, (struct hm_text){key, strlen(key)});
    put(json, ":");
    json->behind = false;
}

void json_text(struct json *json, struct hm_text text) {
    begin_value(json);
    put_text(json, text);
}

void json_string(struct json *json, const char *text) {
    json_text(json, (struct hm_text){text, strlen(text)});
}

void json_unsigned(struct json *json, uint64_t value) {
    char text[24];
    begin_value(json);
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    put(json, text);
}

void json_real(struct json *json, double value) {
    char text[32] = "null";
    begin_value(json);
    if (isfinite(value))
        snprintf(text, sizeof text, "%.9g", value);
    put(json, text);
}

void json_term(struct json *json, hm_term term, size_t limit) {
    char *text = NULL;
    if (hm_term_print(term, HM_SYNTAX_ELIXIR, limit, &text) == 0)
        json_string(json, text);
    else
        json_string(json, "?");
    free(text);
}
