#include "discovery/kube_wire.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>

#include "base/log.h"
#include "discovery/json_value.h"

/* ---- out ---- */

static void put_text(struct writer *out, const char *text) {
    writer_put(out, text, strlen(text));
}

/* RFC 3986: what is not unreserved, as %XX. */
static void put_escaped(struct writer *out, const char *text) {
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        char escape[4];
        if (isalnum(c) || strchr("-._~", c)) {
            writer_u8(out, c);
        } else {
            snprintf(escape, sizeof escape, "%%%02X", c);
            put_text(out, escape);
        }
    }
}

void kube_write_path(struct writer *out, const struct kube_query *query, const char *from) {
    static const char *const groups[] = {"/api/v1", "/apis/discovery.k8s.io/v1", "/api/v1"};
    static const char *const kinds[] = {"endpoints", "endpointslices", "pods"};
    char limit[32];
    put_text(out, groups[query->lookup]);
    put_text(out, "/namespaces/");
    put_escaped(out, query->namespace);
    put_text(out, "/");
    put_text(out, kinds[query->lookup]);
    put_text(out, "?labelSelector=");
    put_escaped(out, query->selector);
    snprintf(limit, sizeof limit, "&limit=%d", KUBE_PAGE);
    put_text(out, limit);
    /* Further pages are those of the first one's version. */
    if (*from) {
        put_text(out, "&continue=");
        put_escaped(out, from);
    } else if (query->cached) {
        put_text(out, "&resourceVersion=0");
    }
}

/* ---- in ---- */

struct listing {
    const struct kube_query *query;
    kube_each *each;
    void *arg;
    struct kube_page *page;
};

static bool read_text(const struct json_value *value, char *text, size_t capacity) {
    struct bytes bytes;
    if (!json_value_text(value, &bytes) || bytes.size == 0 || bytes.size >= capacity)
        return false;
    memcpy(text, bytes.at, bytes.size);
    text[bytes.size] = '\0';
    return true;
}

static enum kube_family family_of(const char *ip) {
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, ip, address) == 1 ? KUBE_IPV4 : inet_pton(AF_INET6, ip, address) == 1 ? KUBE_IPV6 : KUBE_ANY_FAMILY;
}

/* The A record of a pod has dashes for the dots of its address, or for the colons. */
static void make_pod_host(const struct kube_query *query, char *ip, const char *namespace, char *host) {
    for (char *c = ip; *c; c++)
        if (*c == '.' || *c == ':')
            *c = '-';
    snprintf(host, KUBE_HOST_BYTES, "%s.%s.pod.%s", ip, namespace, query->domain);
}

/* namespace: of the address, or none; hostname: or none. */
static void read_address(struct listing *listing, const struct json_value *ip_value, const struct json_value *namespace_value,
                         const struct json_value *hostname_value) {
    const struct kube_query *query = listing->query;
    char ip[64], namespace[256], hostname[256], host[KUBE_HOST_BYTES];
    enum kube_family family = read_text(ip_value, ip, sizeof ip) ? family_of(ip) : KUBE_ANY_FAMILY;
    if (family == KUBE_ANY_FAMILY) {
        listing->page->junk++;
        return;
    }
    if (query->family != KUBE_ANY_FAMILY && query->family != family)
        return;
    if (!read_text(namespace_value, namespace, sizeof namespace))
        snprintf(namespace, sizeof namespace, "%s", query->namespace);
    if (query->mode == KUBE_IP) {
        snprintf(host, sizeof host, "%s", ip);
    } else if (query->mode == KUBE_DNS) {
        make_pod_host(query, ip, namespace, host);
    } else if (read_text(hostname_value, hostname, sizeof hostname)) {
        snprintf(host, sizeof host, "%s.%s.%s.svc.%s", hostname, query->service, namespace, query->domain);
    } else {
        listing->page->nameless++;
        return;
    }
    listing->each(listing->arg, host);
}

/* A list may be left out, or null; anything else in its place is no empty list, which would be a cluster without nodes. */
static const struct json_value *expect_list(struct listing *listing, const struct json_value *value) {
    if (!json_value_is_none(value) && !json_value_is_list(value))
        listing->page->junk++;
    return value;
}

static void read_addresses(struct listing *listing, const struct json_value *list) {
    expect_list(listing, list);
    for (size_t i = 0; i < json_value_count(list); i++) {
        const struct json_value *address = json_value_element(list, i);
        const struct json_value *target = json_value_member(address, "targetRef");
        read_address(listing, json_value_member(address, "ip"), json_value_member(target, "namespace"),
                     json_value_member(address, "hostname"));
    }
}

static void read_endpoints(struct listing *listing, const struct json_value *item) {
    const struct json_value *subsets = expect_list(listing, json_value_member(item, "subsets"));
    for (size_t i = 0; i < json_value_count(subsets); i++) {
        const struct json_value *subset = json_value_element(subsets, i);
        read_addresses(listing, json_value_member(subset, "addresses"));
        if (listing->query->not_ready)
            read_addresses(listing, json_value_member(subset, "notReadyAddresses"));
    }
}

/* An unknown condition is to be taken as ready. Of several addresses of an endpoint the first one is the one to use. */
static void read_slice(struct listing *listing, const struct json_value *item) {
    const struct json_value *endpoints = expect_list(listing, json_value_member(item, "endpoints"));
    struct bytes type;
    if (json_value_text(json_value_member(item, "addressType"), &type) && bytes_equal(type, bytes_of("FQDN", 4)))
        return;
    for (size_t i = 0; i < json_value_count(endpoints); i++) {
        const struct json_value *endpoint = json_value_element(endpoints, i);
        const struct json_value *ready = json_value_member(json_value_member(endpoint, "conditions"), "ready");
        if (json_value_is_false(ready) && !listing->query->not_ready)
            continue;
        read_address(listing, json_value_element(json_value_member(endpoint, "addresses"), 0),
                     json_value_member(json_value_member(endpoint, "targetRef"), "namespace"),
                     json_value_member(endpoint, "hostname"));
    }
}

/* Until it runs a pod has no address; when it has ended, its address may be another's. */
static void read_pod(struct listing *listing, const struct json_value *item) {
    const struct json_value *status = json_value_member(item, "status");
    const struct json_value *ip = json_value_member(status, "podIP");
    struct bytes phase;
    if (json_value_is_none(ip))
        return;
    if (json_value_text(json_value_member(status, "phase"), &phase) &&
        (bytes_equal(phase, bytes_of("Succeeded", 9)) || bytes_equal(phase, bytes_of("Failed", 6))))
        return;
    read_address(listing, ip, json_value_member(json_value_member(item, "metadata"), "namespace"),
                 json_value_member(json_value_member(item, "spec"), "hostname"));
}

static int read_items(struct listing *listing, const struct json_value *root, char *why, size_t capacity) {
    static void (*const read_item[])(struct listing *, const struct json_value *) = {read_endpoints, read_slice, read_pod};
    const struct json_value *items = json_value_member(root, "items");
    const struct json_value *next = json_value_member(json_value_member(root, "metadata"), "continue");
    struct bytes text;
    bool is_named = json_value_text(json_value_member(root, "kind"), &text);
    bool is_list = is_named && text.size >= 4 && memcmp(text.at + text.size - 4, "List", 4) == 0;
    if (!is_list || (!json_value_is_list(items) && !json_value_is_none(items))) {
        snprintf(why, capacity, "JSON, but no list of objects");
        return HM_EBADTERM;
    }
    if (!json_value_is_none(next) && (!json_value_text(next, &text) || text.size >= sizeof listing->page->next)) {
        snprintf(why, capacity, "a place to continue from that makes no sense");
        return HM_EBADTERM;
    }
    if (!json_value_is_none(next))
        snprintf(listing->page->next, sizeof listing->page->next, "%.*s", (int)text.size, (const char *)text.at);
    for (size_t i = 0; i < json_value_count(items); i++) {
        const struct json_value *item = json_value_element(items, i);
        if (json_value_is_object(item))
            read_item[listing->query->lookup](listing, item);
        else
            listing->page->junk++;
    }
    return HM_OK;
}

int kube_read_list(struct bytes body, const struct kube_query *query, kube_each *each, void *arg, struct kube_page *page,
                   char *why, size_t capacity) {
    struct listing listing = {query, each, arg, page};
    struct json_value *root;
    page->next[0] = '\0';
    page->nameless = page->junk = 0;
    int error = json_value_read(body, KUBE_VALUES, &root, why, capacity);
    if (error)
        return error;
    error = read_items(&listing, root, why, capacity);
    json_value_free(root);
    return error;
}

void kube_read_status(struct bytes body, char *text, size_t capacity) {
    struct json_value *root;
    struct bytes message;
    char why[64];
    *text = '\0';
    if (json_value_read(body, KUBE_VALUES, &root, why, sizeof why))
        return;
    if (json_value_text(json_value_member(root, "message"), &message))
        snprintf(text, capacity, "%s", log_escape(message).text);
    json_value_free(root);
}
