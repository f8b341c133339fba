#include "http/request.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/token.h"

static const struct {
    const char *path;
    enum http_route route;
    bool open; /* to everybody, also without the token: it tells nothing about the node */
} ROUTES[] = {
    {"/", HTTP_PAGE, true},          {"/metrics", HTTP_METRICS, false}, {"/status.json", HTTP_STATUS, false},
    {"/health", HTTP_HEALTH, true},  {"/ready", HTTP_READY, true},
};

static const struct {
    int status;
    const char *reason;
} REASONS[] = {
    {200, "OK"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {421, "Misdirected Request"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
};

const char *http_reason(int status) {
    for (size_t i = 0; i < sizeof REASONS / sizeof *REASONS; i++)
        if (REASONS[i].status == status)
            return REASONS[i].reason;
    return "Error";
}

/* A host and perhaps a port: is it a name of this machine that no name server can give to another one? */
static bool is_own_name(const char *host, size_t size) {
    char name[64];
    struct in_addr four;
    struct in6_addr six;
    if (size >= sizeof name)
        return false;
    memcpy(name, host, size);
    name[size] = '\0';
    char *port = strrchr(name, ':');
    if (port && port > name && port[1 + strspn(port + 1, "0123456789")] == '\0' && (name[0] != '[' || port[-1] == ']'))
        *port = '\0';
    size = strlen(name);
    if (size > 2 && name[0] == '[' && name[size - 1] == ']') {
        name[size - 1] = '\0';
        return inet_pton(AF_INET6, name + 1, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
    }
    return strcasecmp(name, "localhost") == 0 ||
           (inet_pton(AF_INET, name, &four) == 1 && ntohl(four.s_addr) >> 24 == IN_LOOPBACKNET);
}

static struct http_verdict refuse(int status, const char *text) {
    return (struct http_verdict){.status = status, .text = text};
}

/* The path begins here; NULL: there is none. A target may be a whole URL, whose host then counts (RFC 9112, 3.2.2). */
static const char *find_path(const char *target, const char **host, size_t *host_size) {
    static const char SCHEME[] = "http://";
    if (target[0] == '/')
        return target;
    if (strncasecmp(target, SCHEME, sizeof SCHEME - 1) != 0)
        return NULL;
    *host = target + sizeof SCHEME - 1;
    *host_size = strcspn(*host, "/?#");
    const char *path = *host + *host_size;
    return *path == '/' ? path : "/";
}

struct http_verdict http_judge(const struct http_request *request, const struct http_rules *rules) {
    const char *host = request->host;
    size_t host_size = host ? strlen(host) : 0;
    if (!request->target)
        return refuse(400, "This is no HTTP request.");
    if (strlen(request->target) > HTTP_TARGET_BYTES)
        return refuse(414, "This URL is too long.");
    if (request->header_bytes > HTTP_HEADER_BYTES)
        return refuse(431, "These headers are too large.");
    const char *path = find_path(request->target, &host, &host_size);
    if (!path)
        return refuse(400, "This request has no path.");
    if (!host && !request->old)
        return refuse(400, "This request has no Host header.");
    if (host && rules->loopback && !rules->token && !is_own_name(host, host_size)) {
        struct http_verdict verdict = refuse(421, "Without --metrics-token this node answers only to localhost, 127.0.0.1 and [::1].");
        verdict.host = host;
        verdict.host_size = host_size;
        return verdict;
    }
    size_t size = strcspn(path, "?#");
    for (size_t i = 0; i < sizeof ROUTES / sizeof *ROUTES; i++) {
        if (strlen(ROUTES[i].path) != size || memcmp(ROUTES[i].path, path, size) != 0)
            continue;
        if (!request->readable)
            return refuse(405, "Only GET and HEAD are allowed.");
        if (rules->token && !ROUTES[i].open && !http_token_admits(rules->token, request->authorization))
            return refuse(401, "This needs the header `Authorization: Bearer TOKEN', with the token of --metrics-token.");
        return (struct http_verdict){.status = 200, .route = ROUTES[i].route};
    }
    return refuse(404, "There are / (for a browser), /metrics, /status.json, /health and /ready.");
}
