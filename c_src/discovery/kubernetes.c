/*
 * Nodes in a Kubernetes cluster, as libcluster's Kubernetes finds them: endpoints, slices of them, or pods with some labels are asked of
 * the API server again and again; who is gone from the answer is disconnected, as there.
 *
 * Other than there, only a whole answer takes anybody away: a refusal (libcluster takes 403 for an empty list), a page that is missing or an
 * entry that makes no sense loses nobody. The server's certificate is checked always, by the authorities of the service account.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "discovery/https.h"
#include "discovery/json_value.h"
#include "discovery/kube_wire.h"
#include "discovery/strategy.h"
#include "discovery/tls_stream.h"
#include "node/node.h"

enum {
    TOKEN_BYTES = 16 * 1024,
    NAMESPACE_BYTES = 64, /* RFC 1123: a label */
    PAGES = 64,           /* of one round */
    BACKOFF_MS = 60000,   /* the longest pause after failures, unless interval is longer */
    GONE = 410,           /* the place to continue from is too old */
};

static const char *const lookups[] = {"endpoints", "endpointslices", "pods", NULL};
static const char *const modes[] = {"ip", "dns", "hostname", NULL};
static const char *const families[] = {"any", "ipv4", "ipv6", NULL};

struct kubernetes {
    struct discovery *discovery;
    struct event *timer;
    struct https *question;
    struct kube_query query;
    const char *basename, *account;
    size_t basename_size;
    char host[256];
    uint16_t port;
    char namespace[NAMESPACE_BYTES + 1], token[TOKEN_BYTES];
    char *selector; /* the parts of it, joined */
    struct kube_page page;
    unsigned pages, failures, nameless;
    bool started_again, incomplete;
    int64_t interval_ms, patience_ms;
    size_t most_bytes;
};

static void ask(struct kubernetes *kubernetes);

/* ---- rounds ---- */

static void rest(struct kubernetes *kubernetes) {
    int64_t longest_ms = kubernetes->interval_ms > BACKOFF_MS ? kubernetes->interval_ms : BACKOFF_MS;
    int64_t pause_ms = kubernetes->interval_ms;
    for (unsigned i = 1; i < kubernetes->failures && pause_ms < longest_ms; i++)
        pause_ms *= 2;
    struct timeval pause = timeval_of_ms(pause_ms < longest_ms ? pause_ms : longest_ms);
    event_add(kubernetes->timer, &pause);
}

static void fail(struct kubernetes *kubernetes, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Nobody is lost; it is asked again later. */
static void fail(struct kubernetes *kubernetes, const char *format, ...) {
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    kubernetes->failures++;
    discovery_failed(kubernetes->discovery);
    discovery_trouble(kubernetes->discovery, "discovery.kubernetes", text);
    rest(kubernetes);
}

static void end_round(struct kubernetes *kubernetes) {
    if (kubernetes->incomplete) {
        fail(kubernetes, "some entries of the answer made no sense: nobody is lost by it");
        return;
    }
    kubernetes->failures = 0;
    discovery_round_end(kubernetes->discovery);
    if (kubernetes->nameless) {
        char text[128];
        snprintf(text, sizeof text, "%u addresses have no hostname, as pods of a StatefulSet do: not found with mode=hostname",
                 kubernetes->nameless);
        discovery_trouble(kubernetes->discovery, "discovery.kubernetes", text);
    } else {
        discovery_trouble(kubernetes->discovery, "discovery.kubernetes", NULL);
    }
    rest(kubernetes);
}

static void on_host(void *arg, const char *host) {
    struct kubernetes *kubernetes = arg;
    char node[DISCOVERY_NAME_BYTES + 1];
    int size = snprintf(node, sizeof node, "%.*s@%s", (int)kubernetes->basename_size, kubernetes->basename, host);
    if (size < (int)sizeof node && discovery_heard(kubernetes->discovery, bytes_of(node, (size_t)size)))
        return;
    kubernetes->incomplete = true;
    discovery_junk(kubernetes->discovery, kubernetes->host, "a name that no node can have");
}

static void take_page(struct kubernetes *kubernetes, struct bytes body) {
    struct kube_page *page = &kubernetes->page;
    char why[256];
    int error = kube_read_list(body, &kubernetes->query, on_host, kubernetes, page, why, sizeof why);
    if (error) {
        if (error != HM_ENOMEM)
            discovery_junk(kubernetes->discovery, kubernetes->host, why);
        fail(kubernetes, "%s:%u answers with what makes no sense: %s", kubernetes->host, kubernetes->port, why);
        return;
    }
    for (unsigned i = 0; i < page->junk; i++)
        discovery_junk(kubernetes->discovery, kubernetes->host, "an entry that is none");
    kubernetes->incomplete = kubernetes->incomplete || page->junk;
    kubernetes->nameless += page->nameless;
    if (!*page->next)
        end_round(kubernetes);
    else if (++kubernetes->pages == PAGES)
        fail(kubernetes, "the answer has more than %d pages of %d objects: a narrower selector is needed", PAGES, KUBE_PAGE);
    else
        ask(kubernetes);
}

static void note_refusal(struct kubernetes *kubernetes, int status, struct bytes body) {
    char said[256], from[300];
    const char *hint = status == 401   ? ": it does not accept the token of the service account"
                       : status == 403 ? ": the service account needs a Role with the verb \"list\""
                       : status == 404 ? ": is this the API server, and does it know what lookup asks for?"
                       : status == 429 ? ": too many questions"
                       : status / 100 == 3 ? ": a redirect, which is not followed"
                                           : "";
    kube_read_status(body, said, sizeof said);
    snprintf(from, sizeof from, "%s:%u", kubernetes->host, kubernetes->port);
    fail(kubernetes, "%s answers %d%s%s%s", from, status, hint, *said ? "; " : "", said);
}

static void on_answer(void *arg, const struct https_answer *answer) {
    struct kubernetes *kubernetes = arg;
    kubernetes->question = NULL;
    if (answer->status == 0) {
        fail(kubernetes, "no answer from %s:%u: %s", kubernetes->host, kubernetes->port, answer->why);
    } else if (answer->status == 200) {
        take_page(kubernetes, answer->body);
    } else if (answer->status == GONE && *kubernetes->page.next && !kubernetes->started_again) {
        /* Between two pages the list became too old to go on with: once more from the beginning. */
        kubernetes->started_again = true;
        kubernetes->page.next[0] = '\0';
        kubernetes->pages = kubernetes->nameless = 0;
        ask(kubernetes);
    } else {
        note_refusal(kubernetes, answer->status, answer->body);
    }
}

/* ---- questions ---- */

/* The text of a file of the service account, without white space at its ends; written anew now and then, so it is read each time.
 * 0, or an errno. */
static int read_account_file(const struct kubernetes *kubernetes, const char *name, char *text, size_t capacity) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", kubernetes->account, name) >= (int)sizeof path)
        return ENAMETOOLONG;
    FILE *file = fopen(path, "re");
    if (!file)
        return errno;
    size_t size = fread(text, 1, capacity - 1, file);
    int error = ferror(file) ? EIO : size == capacity - 1 ? EFBIG : 0;
    fclose(file);
    text[size] = '\0';
    while (size && strchr(" \t\r\n", text[size - 1]))
        text[--size] = '\0';
    return error ? error : size == 0 || strlen(text) != size ? EINVAL : 0;
}

static bool is_plain(const char *text) {
    for (; *text; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

/* false: it has failed. */
static bool read_account(struct kubernetes *kubernetes) {
    const char *given = discovery_text(discovery_spec_of(kubernetes->discovery), "namespace");
    int error = read_account_file(kubernetes, "token", kubernetes->token, sizeof kubernetes->token);
    const char *file = "token";
    if (!error && !is_plain(kubernetes->token))
        error = EINVAL;
    if (!error && given) {
        snprintf(kubernetes->namespace, sizeof kubernetes->namespace, "%s", given);
    } else if (!error) {
        file = "namespace";
        error = read_account_file(kubernetes, file, kubernetes->namespace, sizeof kubernetes->namespace);
    }
    if (error)
        fail(kubernetes, "cannot read %.200s/%s: %s", kubernetes->account, file,
             error == EINVAL ? "it is empty, or no such text" : strerror(error));
    return !error;
}

static void ask(struct kubernetes *kubernetes) {
    struct writer path;
    char why[256], authorities[4096];
    snprintf(authorities, sizeof authorities, "%s/ca.crt", kubernetes->account);
    writer_init(&path, 64 * 1024);
    kube_write_path(&path, &kubernetes->query, kubernetes->page.next);
    writer_u8(&path, '\0');
    struct https_request request = {
        .dist = &discovery_options_of(kubernetes->discovery)->node->dist,
        .host = kubernetes->host,
        .port = kubernetes->port,
        .path = (const char *)path.at,
        .token = kubernetes->token,
        .authorities = authorities,
        .most_bytes = kubernetes->most_bytes,
        .patience_ms = kubernetes->patience_ms,
    };
    int error = path.error;
    snprintf(why, sizeof why, "%s", hm_strerror(error));
    if (!error)
        error = https_open(&request, on_answer, kubernetes, &kubernetes->question, why, sizeof why);
    writer_fini(&path);
    if (error)
        fail(kubernetes, "cannot ask %s:%u: %s", kubernetes->host, kubernetes->port, why);
}

static void begin_round(evutil_socket_t fd, short what, void *arg) {
    struct kubernetes *kubernetes = arg;
    (void)fd;
    (void)what;
    kubernetes->page.next[0] = '\0';
    kubernetes->pages = kubernetes->nameless = 0;
    kubernetes->started_again = kubernetes->incomplete = false;
    if (!read_account(kubernetes))
        return;
    discovery_round_begin(kubernetes->discovery);
    ask(kubernetes);
}

/* ---- options ---- */

static int complain(char *why, size_t capacity, const char *text, const char *value) {
    snprintf(why, capacity, "kubernetes: %s%s%.64s%s", text, value ? ", not \"" : "", value ? value : "", value ? "\"" : "");
    return HM_EINVAL;
}

/* -1: none of these. */
static int find_word(const char *const words[], const char *word) {
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return -1;
}

static int read_words(struct kubernetes *kubernetes, const struct discovery_spec *spec, char *why, size_t capacity) {
    const char *lookup = discovery_text(spec, "lookup"), *mode = discovery_text(spec, "mode");
    const char *family = discovery_text(spec, "family");
    int words[] = {find_word(lookups, lookup), find_word(modes, mode), find_word(families, family)};
    if (words[0] < 0)
        return complain(why, capacity, "lookup is endpoints, endpointslices or pods", lookup);
    if (words[1] < 0)
        return complain(why, capacity, "mode is ip, dns or hostname", mode);
    if (words[2] < 0)
        return complain(why, capacity, "family is any, ipv4 or ipv6", family);
    kubernetes->query.lookup = (enum kube_lookup)words[0];
    kubernetes->query.mode = (enum kube_mode)words[1];
    kubernetes->query.family = (enum kube_family)words[2];
    if (kubernetes->query.mode == KUBE_HOSTNAME && !discovery_text(spec, "service"))
        return complain(why, capacity, "mode=hostname needs the name of the headless service: service=NAME", NULL);
    return HM_OK;
}

/* Several are one with commas, all of which must be met. */
static int join_selectors(struct kubernetes *kubernetes, const struct discovery_spec *spec, char *why, size_t capacity) {
    const char *part;
    size_t size = 1, used = 0;
    for (size_t place = 0; (part = discovery_value(spec, "selector", &place));)
        size += strlen(part) + 1;
    if (size == 1)
        return complain(why, capacity, "it needs the labels to look for, as in kubernetes:selector=app=myapp", NULL);
    kubernetes->selector = malloc(size);
    if (!kubernetes->selector)
        return HM_ENOMEM;
    for (size_t place = 0; (part = discovery_value(spec, "selector", &place));)
        used += (size_t)snprintf(kubernetes->selector + used, size - used, "%s%s", used ? "," : "", part);
    kubernetes->query.selector = kubernetes->selector;
    return HM_OK;
}

/* HOST, HOST:PORT, [IPV6]:PORT or an IPv6 address alone. */
static bool split_server(const char *text, char *host, size_t capacity, uint16_t *port) {
    unsigned char address[sizeof(struct in6_addr)];
    bool is_bracketed = *text == '[', is_ipv6 = inet_pton(AF_INET6, text, address) == 1;
    const char *end = is_ipv6 ? text + strlen(text) : is_bracketed ? strchr(text, ']') : text + strcspn(text, ":");
    const char *from = text + is_bracketed, *rest = end ? end + is_bracketed : NULL;
    char *last = NULL;
    if (!end || end == from || (size_t)(end - from) >= capacity || (*rest && *rest != ':'))
        return false;
    memcpy(host, from, (size_t)(end - from));
    host[end - from] = '\0';
    if (strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:") != strlen(host))
        return false;
    if (!*rest)
        return true;
    unsigned long number = strtoul(rest + 1, &last, 10);
    *port = (uint16_t)number;
    return rest[1] >= '0' && rest[1] <= '9' && !*last && number > 0 && number <= UINT16_MAX;
}

/* What a pod is told in its environment, else the name that libcluster asks. */
static int find_server(struct kubernetes *kubernetes, const struct discovery_spec *spec, char *why, size_t capacity) {
    const struct discovery_options *options = discovery_options_of(kubernetes->discovery);
    const char *given = discovery_text(spec, "server");
    char text[300];
    kubernetes->port = 443;
    if (!given && options->kubernetes_host && strchr(options->kubernetes_host, ':'))
        snprintf(text, sizeof text, "[%.250s]", options->kubernetes_host);
    else if (!given && options->kubernetes_host)
        snprintf(text, sizeof text, "%.250s", options->kubernetes_host);
    else if (!given)
        snprintf(text, sizeof text, "kubernetes.default.svc.%.200s", kubernetes->query.domain);
    if (!given && options->kubernetes_host && options->kubernetes_port)
        snprintf(text + strlen(text), sizeof text - strlen(text), ":%.8s", options->kubernetes_port);
    if (split_server(given ? given : text, kubernetes->host, sizeof kubernetes->host, &kubernetes->port))
        return HM_OK;
    return given ? complain(why, capacity, "server is HOST or HOST:PORT", given)
                 : complain(why, capacity, "KUBERNETES_SERVICE_HOST and _PORT are a host and a port", text);
}

static int open_kubernetes(struct discovery *discovery, void *state, char *why, size_t capacity) {
    struct kubernetes *kubernetes = state;
    const struct discovery_spec *spec = discovery_spec_of(discovery);
    const char *namespace = discovery_text(spec, "namespace");
    struct timeval now = {0};
    kubernetes->discovery = discovery;
    kubernetes->account = discovery_text(spec, "account");
    kubernetes->query.namespace = kubernetes->namespace;
    kubernetes->query.service = discovery_text(spec, "service");
    kubernetes->query.domain = discovery_text(spec, "domain");
    kubernetes->query.not_ready = discovery_flag(spec, "not-ready");
    kubernetes->query.cached = discovery_flag(spec, "cached");
    kubernetes->interval_ms = (int64_t)discovery_number(spec, "interval");
    kubernetes->patience_ms = (int64_t)discovery_number(spec, "patience");
    kubernetes->most_bytes = (size_t)discovery_number(spec, "max-bytes");
    if (namespace && strlen(namespace) >= NAMESPACE_BYTES)
        return complain(why, capacity, "namespace is a label of DNS", namespace);
    if (strlen(kubernetes->account) > 3000)
        return complain(why, capacity, "account is a folder with a shorter name", NULL);
    int error = read_words(kubernetes, spec, why, capacity);
    if (!error)
        error = join_selectors(kubernetes, spec, why, capacity);
    if (!error)
        error = discovery_basename(discovery, &kubernetes->basename, &kubernetes->basename_size, why, capacity);
    if (!error)
        error = find_server(kubernetes, spec, why, capacity);
    if (error)
        return error;
    if (!tls_stream_load(why, capacity) || !json_value_load(why, capacity))
        return HM_ESYSTEM;
    kubernetes->timer = evtimer_new(discovery_base(discovery), begin_round, kubernetes);
    return kubernetes->timer && event_add(kubernetes->timer, &now) == 0 ? HM_OK : HM_ENOMEM;
}

static void close_kubernetes(struct discovery *discovery, void *state) {
    struct kubernetes *kubernetes = state;
    (void)discovery;
    https_cancel(kubernetes->question);
    if (kubernetes->timer)
        event_free(kubernetes->timer);
    free(kubernetes->selector);
}

static const struct discovery_key keys[] = {
    {"selector", KEY_TEXT, NULL, 0, 0, "labels, app=myapp; several, or repeated, must all be met (kubernetes_selector)"},
    {"lookup", KEY_TEXT, "endpoints", 0, 0, "endpoints, endpointslices or pods (kubernetes_ip_lookup_mode)"},
    {"mode", KEY_TEXT, "ip", 0, 0, "what stands behind the @: ip, dns or hostname"},
    {"basename", KEY_TEXT, NULL, 0, 0, "what stands before it (kubernetes_node_basename); without it, as in our own name"},
    {"namespace", KEY_TEXT, NULL, 0, 0, "without it, that of the service account"},
    {"service", KEY_TEXT, NULL, 0, 0, "the headless service, for mode=hostname (kubernetes_service_name)"},
    {"domain", KEY_TEXT, "cluster.local", 0, 0, "of the cluster (kubernetes_cluster_name, with .local)"},
    {"family", KEY_TEXT, "any", 0, 0, "ipv4 or ipv6: only addresses of this one"},
    {"not-ready", KEY_FLAG, "false", 0, 0, "those that are not ready, too; pods always are taken"},
    {"cached", KEY_FLAG, "false", 0, 0, "what the server remembers will do (kubernetes_use_cached_resources)"},
    {"server", KEY_TEXT, NULL, 0, 0, "HOST[:PORT] of the API server; without it, $KUBERNETES_SERVICE_HOST"},
    {"account", KEY_TEXT, "/var/run/secrets/kubernetes.io/serviceaccount", 0, 0, "folder with token, ca.crt and namespace"},
    {"interval", KEY_SECONDS, "5", 100, 86400000, "seconds between two questions (polling_interval)"},
    {"patience", KEY_SECONDS, "15", 100, 600000, "seconds until an answer is given up"},
    {"max-bytes", KEY_NUMBER, "4194304", 1024, 268435456, "the largest answer that is read"},
    {0},
};

const struct discovery_strategy discovery_kubernetes = {
    .kind = "kubernetes",
    .help = "Every address that Kubernetes has for some labels is a host with a node.",
    .keys = keys,
    .lost = LOST_DISCONNECT,
    .size = sizeof(struct kubernetes),
    .open = open_kubernetes,
    .close = close_kubernetes,
};
