/*
 * discovery/json_value: JSON that somebody else wrote, read whole within bounds.
 *
 * Parsing is jansson's, which is loaded when it is first needed: linked, it would cost every idle node 100 KB. It checks UTF-8, refuses
 * U+0000 in texts and nests 2048 deep at most. Values live as long as the root. Any thread.
 */
#ifndef HM_DISCOVERY_JSON_VALUE_H
#define HM_DISCOVERY_JSON_VALUE_H

#include "base/bytes.h"

struct json_value;

/* false with why: the library is not there. */
bool json_value_load(char *why, size_t capacity);
/* most: about how many values there may be, counted before anything is allocated for them.
 * HM_ESYNTAX, HM_ELIMIT, HM_ENOMEM, HM_ESYSTEM (no library), with why. */
int json_value_read(struct bytes text, size_t most, struct json_value **root, char *why, size_t capacity);
void json_value_free(struct json_value *root); /* NULL is allowed */

/* What was asked for is not there, or of another kind: NULL, 0, false. value: NULL is allowed. */
const struct json_value *json_value_member(const struct json_value *value, const char *name);
const struct json_value *json_value_element(const struct json_value *value, size_t place);
size_t json_value_count(const struct json_value *value); /* of a list */
bool json_value_is_object(const struct json_value *value);
bool json_value_is_list(const struct json_value *value);
bool json_value_is_none(const struct json_value *value); /* null, or not there */
bool json_value_is_false(const struct json_value *value);
bool json_value_text(const struct json_value *value, struct bytes *text); /* lent until json_value_free */

#endif
