/*
 * http/address: where --metrics listens, from what the user wrote.
 *
 *     9100, :9100, localhost:9100     127.0.0.1 and ::1
 *     10.0.0.5:9100, [fd00::1]:9100   that address; 0.0.0.0 and [::] are all of them
 *
 * No names beside localhost: what one resolves to would decide whether a token is needed. Opens nothing. Any thread.
 */
#ifndef HM_HTTP_ADDRESS_H
#define HM_HTTP_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

union http_socket_address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

struct http_address {
    union http_socket_address at[2];
    size_t count;
    uint16_t port; /* 0: any free one, the same for both */
    bool loopback; /* nobody outside this machine can reach it */
};

/* HM_EINVAL, with a sentence in why. */
int http_address_parse(const char *text, struct http_address *address, char *why, size_t capacity);

socklen_t http_address_size(const union http_socket_address *address);
uint16_t http_address_port(const union http_socket_address *address);
void http_address_set_port(union http_socket_address *address, uint16_t port);

enum { HTTP_ADDRESS_TEXT = INET6_ADDRSTRLEN + 10 };
/* "127.0.0.1:9100", "[::1]:9100". Lends buffer. */
const char *http_address_text(const union http_socket_address *address, char buffer[HTTP_ADDRESS_TEXT]);

#endif
