/* layer: discovery
 * Answers of Kubernetes' API server: every host is text that ends, and a mistake says what it is. */
#include <assert.h>

#include "discovery/kube_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_each(void *arg, const char *host) {
    assert(*host && strlen(host) < KUBE_HOST_BYTES);
    ++*(unsigned *)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char text[256];
    for (unsigned i = 0; i < 9; i++) {
        struct kube_query query = {
            .lookup = (enum kube_lookup)(i % 3),
            .mode = (enum kube_mode)(i / 3),
            .not_ready = i % 2,
            .namespace = "shop",
            .selector = "app=myapp",
            .service = "app",
            .domain = "cluster.local",
        };
        struct kube_page page;
        char why[256] = "";
        unsigned count = 0;
        int error = kube_read_list(bytes_of(data, size), &query, on_each, &count, &page, why, sizeof why);
        assert(!error == !*why);
        assert(!error || count == 0);
        assert(count + page.junk + page.nameless <= size);
        assert(strlen(page.next) < sizeof page.next);
    }
    kube_read_status(bytes_of(data, size), text, sizeof text);
    for (const char *c = text; *c; c++)
        assert(*c >= ' ' && *c <= '~');
    return 0;
}
