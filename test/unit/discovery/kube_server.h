/*
 * An API server on the loopback that answers what a test tells it to, over TLS, with a certificate for 127.0.0.1 of an authority made for
 * the run; and the folder of a service account that trusts this authority: token, ca.crt, namespace.
 */
#ifndef TEST_UNIT_DISCOVERY_KUBE_SERVER_H
#define TEST_UNIT_DISCOVERY_KUBE_SERVER_H

#include "discovery_fixture.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

struct kube_server {
    struct event_base *base;
    struct evhttp *http;
    SSL_CTX *context;
    uint16_t port;
    char account[64];
    unsigned questions;
    /* Answers; NULL: to be set before the first question. */
    void (*answer)(struct kube_server *server, struct evhttp_request *request);
    void *arg;
};

static inline void kube_add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* names: as in subjectAltName; NULL: an authority. issuer NULL: by itself. */
static inline X509 *kube_certificate(EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, const char *names) {
    X509 *certificate = X509_new();
    static long serial = 1;
    assert_non_null(certificate);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME *name = X509_get_subject_name(certificate);
    const char *common = names ? "kube-apiserver" : "kubernetes";
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common, -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer ? issuer : certificate));
    kube_add_extension(certificate, issuer ? issuer : certificate, NID_basic_constraints, names ? "CA:FALSE" : "critical,CA:TRUE");
    if (names)
        kube_add_extension(certificate, issuer, NID_subject_alt_name, names);
    assert_true(X509_sign(certificate, issuer_key, EVP_sha256()) > 0);
    return certificate;
}

static inline void kube_write_file(const char *folder, const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    fclose(file);
}

static inline void kube_write_authority(const char *folder, X509 *authority) {
    char path[128];
    snprintf(path, sizeof path, "%s/ca.crt", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, authority), 1);
    fclose(file);
}

/* A new key and certificate for the server, of a new authority, which the account trusts. */
static inline void kube_server_certify(struct kube_server *server, const char *names, bool is_trusted) {
    EVP_PKEY *authority_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
    X509 *authority = kube_certificate(authority_key, NULL, authority_key, NULL);
    X509 *certificate = kube_certificate(key, authority, authority_key, names);
    assert_int_equal(SSL_CTX_use_certificate(server->context, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(server->context, key), 1);
    if (is_trusted)
        kube_write_authority(server->account, authority);
    X509_free(authority);
    X509_free(certificate);
    EVP_PKEY_free(authority_key);
    EVP_PKEY_free(key);
}

static inline struct bufferevent *kube_on_connection(struct event_base *base, void *arg) {
    struct kube_server *server = arg;
    return bufferevent_openssl_socket_new(base, -1, SSL_new(server->context), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
}

static inline void kube_on_question(struct evhttp_request *request, void *arg) {
    struct kube_server *server = arg;
    server->questions++;
    server->answer(server, request);
}

static inline void kube_server_init(struct kube_server *server, struct event_base *base) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof at;
    *server = (struct kube_server){.base = base, .account = "/tmp/kube_account_XXXXXX"};
    assert_non_null(mkdtemp(server->account));
    kube_write_file(server->account, "token", "t0ken\n");
    kube_write_file(server->account, "namespace", "shop");
    server->context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_options(server->context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    kube_server_certify(server, "IP:127.0.0.1", true);
    server->http = evhttp_new(base);
    evhttp_set_bevcb(server->http, kube_on_connection, server);
    evhttp_set_gencb(server->http, kube_on_question, server);
    struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(server->http, "127.0.0.1", 0);
    assert_non_null(bound);
    assert_int_equal(getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&at, &size), 0);
    server->port = ntohs(at.sin_port);
}

static inline void kube_server_fini(struct kube_server *server) {
    static const char *const files[] = {"token", "namespace", "ca.crt"};
    char path[128];
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", server->account, files[i]);
        unlink(path);
    }
    rmdir(server->account);
    evhttp_free(server->http);
    SSL_CTX_free(server->context);
}

static inline void kube_answer(struct evhttp_request *request, int status, const char *body) {
    struct evbuffer *out = evbuffer_new();
    evbuffer_add(out, body, strlen(body));
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", "application/json");
    evhttp_send_reply(request, status, "", out);
    evbuffer_free(out);
}

#endif
