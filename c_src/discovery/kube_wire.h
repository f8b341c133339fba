/*
 * discovery/kube_wire: what is asked of Kubernetes' API server, and the hosts of nodes in its answers. Text only, no sockets.
 *
 * Specification: the Kubernetes API, EndpointsList and PodList of v1, EndpointSliceList of discovery.k8s.io/v1, Status of v1; how
 * names are made from them, libcluster's Cluster.Strategy.Kubernetes.
 */
#ifndef HM_DISCOVERY_KUBE_WIRE_H
#define HM_DISCOVERY_KUBE_WIRE_H

#include "base/bytes.h"

enum kube_lookup { KUBE_ENDPOINTS, KUBE_ENDPOINTSLICES, KUBE_PODS };

enum kube_mode {
    KUBE_IP,       /* 10.0.0.8 */
    KUBE_DNS,      /* 10-0-0-8.NAMESPACE.pod.DOMAIN */
    KUBE_HOSTNAME, /* HOSTNAME.SERVICE.NAMESPACE.svc.DOMAIN */
};

enum kube_family { KUBE_ANY_FAMILY, KUBE_IPV4, KUBE_IPV6 };

struct kube_query { /* texts are borrowed */
    enum kube_lookup lookup;
    enum kube_mode mode;
    enum kube_family family;
    bool not_ready;          /* those that are not ready, too; pods always are */
    bool cached;             /* what the API server remembers is recent enough */
    const char *namespace;
    const char *selector;    /* of labels */
    const char *service;     /* of KUBE_HOSTNAME */
    const char *domain;      /* "cluster.local" */
};

enum {
    KUBE_PAGE = 50,           /* objects in one answer: pods are some 10 KB each */
    KUBE_VALUES = 400000,     /* in one answer */
    KUBE_CONTINUE_BYTES = 4096,
    KUBE_HOST_BYTES = 1024,
};

/* Path and query. from: where the last page ended, or "". */
void kube_write_path(struct writer *out, const struct kube_query *query, const char *from);

struct kube_page {
    char next[KUBE_CONTINUE_BYTES]; /* "": this was the last */
    unsigned nameless; /* addresses without a host name, which KUBE_HOSTNAME needs */
    unsigned junk;     /* entries that are no addresses */
};

/* Lends the host until it returns. */
typedef void kube_each(void *arg, const char *host);
/* HM_EBADTERM (JSON, but no list), else as json_value_read; with why. each was called for none then. */
int kube_read_list(struct bytes body, const struct kube_query *query, kube_each *each, void *arg, struct kube_page *page,
                   char *why, size_t capacity);
/* What the API server says of a request that it refuses, safe to print; "" when it says nothing. */
void kube_read_status(struct bytes body, char *text, size_t capacity);

#endif
