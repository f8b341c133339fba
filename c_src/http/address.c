#include "http/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <hermod/error.h>

static int complain(char *why, size_t capacity, const char *text) {
    snprintf(why, capacity, "\"%.60s\" is no ADDRESS:PORT: give a port, such as 9100, for this machine alone, or an address with it, "
             "such as 10.0.0.5:9100 or [::]:9100", text);
    return HM_EINVAL;
}

static bool read_port(const char *text, uint16_t *port) {
    uint32_t value = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (uint32_t)(*text - '0');
        if (value > UINT16_MAX)
            return false;
    }
    *port = (uint16_t)value;
    return true;
}

static void add(struct http_address *address, const union http_socket_address *one) {
    address->at[address->count] = *one;
    http_address_set_port(&address->at[address->count++], address->port);
}

static void add_loopback(struct http_address *address) {
    add(address, &(union http_socket_address){.in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}}});
    add(address, &(union http_socket_address){.in6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback}});
    address->loopback = true;
}

static bool add_numeric(struct http_address *address, const char *host, bool bracketed) {
    union http_socket_address one = {.any = {.sa_family = bracketed ? AF_INET6 : AF_INET}};
    if (bracketed ? inet_pton(AF_INET6, host, &one.in6.sin6_addr) != 1 : inet_pton(AF_INET, host, &one.in.sin_addr) != 1)
        return false;
    const uint8_t *mapped = one.in6.sin6_addr.s6_addr;
    address->loopback = !bracketed ? ntohl(one.in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET
                                   : IN6_IS_ADDR_LOOPBACK(&one.in6.sin6_addr) ||
                                         (IN6_IS_ADDR_V4MAPPED(&one.in6.sin6_addr) && mapped[12] == IN_LOOPBACKNET);
    add(address, &one);
    return true;
}

int http_address_parse(const char *text, struct http_address *address, char *why, size_t capacity) {
    char host[INET6_ADDRSTRLEN + 1] = "";
    const char *colon = strrchr(text, ':'), *from = text, *to = colon;
    *address = (struct http_address){.count = 0};
    if (!read_port(colon ? colon + 1 : text, &address->port))
        return complain(why, capacity, text);
    bool bracketed = colon && to - from > 1 && from[0] == '[' && to[-1] == ']';
    if (bracketed) {
        from++;
        to--;
    }
    if (colon && (size_t)(to - from) >= sizeof host)
        return complain(why, capacity, text);
    if (colon)
        memcpy(host, from, (size_t)(to - from));
    if (!*host || (!bracketed && strcmp(host, "localhost") == 0)) {
        if (bracketed)
            return complain(why, capacity, text);
        add_loopback(address);
    } else if (!add_numeric(address, host, bracketed)) {
        return complain(why, capacity, text);
    }
    return HM_OK;
}

socklen_t http_address_size(const union http_socket_address *address) {
    return address->any.sa_family == AF_INET ? sizeof address->in : sizeof address->in6;
}

uint16_t http_address_port(const union http_socket_address *address) {
    return ntohs(address->any.sa_family == AF_INET ? address->in.sin_port : address->in6.sin6_port);
}

void http_address_set_port(union http_socket_address *address, uint16_t port) {
    if (address->any.sa_family == AF_INET)
        address->in.sin_port = htons(port);
    else
        address->in6.sin6_port = htons(port);
}

const char *http_address_text(const union http_socket_address *address, char buffer[HTTP_ADDRESS_TEXT]) {
    char host[INET6_ADDRSTRLEN] = "?";
    bool four = address->any.sa_family == AF_INET;
    inet_ntop(address->any.sa_family, four ? (const void *)&address->in.sin_addr : (const void *)&address->in6.sin6_addr, host,
              sizeof host);
    snprintf(buffer, HTTP_ADDRESS_TEXT, four ? "%s:%u" : "[%s]:%u", host, http_address_port(address));
    return buffer;
}
