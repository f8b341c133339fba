#include "discovery/tls_stream.h"

#include <arpa/inet.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <hermod/error.h>

#include "base/lazy.h"

/* libevent's has libssl and libcrypto with it; a look-up through its handle finds their functions, too. */
#define FUNCTIONS(entry)                                        \
    entry(bufferevent_new, bufferevent_openssl_socket_new)      \
    entry(bufferevent_error, bufferevent_get_openssl_error)     \
    entry(method, TLS_client_method)                            \
    entry(context_new, SSL_CTX_new)                             \
    entry(context_free, SSL_CTX_free)                           \
    entry(context_control, SSL_CTX_ctrl)                        \
    entry(context_authorities, SSL_CTX_load_verify_locations)   \
    entry(ssl_new, SSL_new)                                     \
    entry(ssl_free, SSL_free)                                   \
    entry(ssl_control, SSL_ctrl)                                \
    entry(ssl_hold, SSL_up_ref)                                 \
    entry(verify, SSL_set_verify)                               \
    entry(verified, SSL_get_verify_result)                      \
    entry(parameters, SSL_get0_param)                           \
    entry(expect_name, X509_VERIFY_PARAM_set1_host)             \
    entry(expect_address, X509_VERIFY_PARAM_set1_ip_asc)        \
    entry(verify_text, X509_verify_cert_error_string)           \
    entry(clear_errors, ERR_clear_error)                        \
    entry(error_text, ERR_reason_error_string)

static struct library {
    FUNCTIONS(LAZY_FIELD)
    bool loaded;
} library;

struct tls_stream {
    SSL *ssl;
    struct bufferevent *stream; /* NULL: taken. Alive as long as the one who took it keeps it */
    struct bufferevent *taken;
};

static void load(void) {
    void *handle = dlopen("libevent_openssl-2.1.so.7", RTLD_NOW | RTLD_LOCAL);
    bool all = handle != NULL;
    FUNCTIONS(LAZY_LOOK_UP)
    library.loaded = all;
}

bool tls_stream_load(char *why, size_t capacity) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    if (!library.loaded)
        snprintf(why, capacity, "libevent_openssl-2.1.so.7 cannot be loaded (on Debian it is in the package "
                                "libevent-openssl-2.1-7)");
    return library.loaded;
}

static bool is_address(const char *host) {
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* Server name indication is for names only (RFC 6066, 3). */
static bool expect(SSL *ssl, const char *host) {
    X509_VERIFY_PARAM *parameters = library.parameters(ssl);
    library.verify(ssl, SSL_VERIFY_PEER, NULL);
    if (is_address(host))
        return library.expect_address(parameters, host) == 1;
    return library.expect_name(parameters, host, 0) == 1 &&
           library.ssl_control(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, (void *)(size_t)host) == 1;
}

static SSL *make_ssl(const char *host, const char *authorities, int *error, char *why, size_t capacity) {
    SSL *ssl = NULL;
    SSL_CTX *context = library.context_new(library.method());
    *error = HM_ENOMEM;
    snprintf(why, capacity, "%s", hm_strerror(HM_ENOMEM));
    if (!context)
        return NULL;
    library.context_control(context, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, NULL);
    library.clear_errors();
    if (library.context_authorities(context, authorities, NULL) != 1) {
        snprintf(why, capacity, "%.300s holds no certificate of an authority, or cannot be read", authorities);
        *error = HM_EINVAL;
    } else if ((ssl = library.ssl_new(context)) && !expect(ssl, host)) {
        library.ssl_free(ssl);
        ssl = NULL;
    }
    library.context_free(context);
    library.clear_errors();
    return ssl;
}

int tls_stream_open(struct event_base *base, const char *host, const char *authorities, struct tls_stream **result, char *why,
                    size_t capacity) {
    int error = HM_ENOMEM;
    if (!tls_stream_load(why, capacity))
        return HM_ESYSTEM;
    struct tls_stream *stream = calloc(1, sizeof *stream);
    SSL *ssl = stream ? make_ssl(host, authorities, &error, why, capacity) : NULL;
    if (!ssl) {
        free(stream);
        return error;
    }
    stream->stream = library.bufferevent_new(base, -1, ssl, BUFFEREVENT_SSL_CONNECTING,
                                             BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (!stream->stream) {
        library.ssl_free(ssl);
        free(stream);
        snprintf(why, capacity, "%s", hm_strerror(HM_ENOMEM));
        return HM_ENOMEM;
    }
    /* The bufferevent frees it, and so do we: what was wrong is asked for when it may be gone. */
    library.ssl_hold(ssl);
    stream->ssl = ssl;
    *result = stream;
    return HM_OK;
}

struct bufferevent *tls_stream_take(struct tls_stream *stream) {
    stream->taken = stream->stream;
    stream->stream = NULL;
    return stream->taken;
}

/* Among OpenSSL's errors libevent keeps what SSL_get_error said: numbers of no library, which tell nothing. */
bool tls_stream_problem(struct tls_stream *stream, char *text, size_t capacity) {
    long verified = library.verified(stream->ssl);
    struct bufferevent *bufferevent = stream->stream ? stream->stream : stream->taken;
    unsigned long error = 0;
    if (verified != X509_V_OK) {
        snprintf(text, capacity, "its certificate is not accepted: %s", library.verify_text(verified));
        return true;
    }
    do
        error = library.bufferevent_error(bufferevent);
    while (error && ERR_GET_LIB(error) == 0);
    const char *reason = error ? library.error_text(error) : NULL;
    if (reason)
        snprintf(text, capacity, "TLS failed: %s", reason);
    return reason != NULL;
}

void tls_stream_close(struct tls_stream *stream) {
    if (!stream)
        return;
    if (stream->stream)
        bufferevent_free(stream->stream);
    library.ssl_free(stream->ssl);
    free(stream);
}
