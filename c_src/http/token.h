/*
 * http/token: the bearer token of --metrics-token.
 *
 * The file has one line: 16 to 255 characters of RFC 6750's b64token, which base64 and hexadecimal are. Everybody who can read it can read the
 * metrics, so it is refused when everybody on this machine can. Any thread.
 */
#ifndef HM_HTTP_TOKEN_H
#define HM_HTTP_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

enum { HTTP_TOKEN_LEAST = 16, HTTP_TOKEN_BYTES = 256 };

/* HM_EINVAL, HM_ENOENT, HM_ESYSTEM, with a sentence in why that says what to do. */
int http_token_load(const char *path, char token[HTTP_TOKEN_BYTES], char *why, size_t capacity);
/* Whether this Authorization header (NULL: none) has the token; in a time that does not tell where they differ. */
bool http_token_admits(const char *token, const char *authorization);

#endif
