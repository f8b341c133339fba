/* layer: http
 * What strangers say over HTTP: a first byte of flags, then lines: target, Host, Authorization (an empty one is absent), and the rest, which is also
 * a value that goes into /metrics and into JSON. And ADDR:PORT, which only the operator says. */
#include <assert.h>
#include <stdlib.h>

#include "http/address.h"
#include "http/json.h"
#include "http/prometheus.h"
#include "http/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { READABLE = 1, OLD = 2, LOOPBACK = 4, GUARDED = 8 };

static const char TOKEN[] = "0123456789abcdef";

static void judge(unsigned flags, const char *lines[3]) {
    struct http_request request = {
        .readable = flags & READABLE, .old = flags & OLD, .target = lines[0], .host = lines[1], .authorization = lines[2],
        .header_bytes = flags << 6};
    struct http_rules rules = {.token = flags & GUARDED ? TOKEN : NULL, .loopback = flags & LOOPBACK};
    struct http_verdict verdict = http_judge(&request, &rules);
    assert(*http_reason(verdict.status) && (verdict.status == 200 || *verdict.text));
    if (verdict.status == 421)
        assert(verdict.host && verdict.host_size <= strlen(request.target) + strlen(request.host ? request.host : ""));
    if (verdict.status != 200)
        return;
    assert(request.readable && request.header_bytes <= HTTP_HEADER_BYTES);
    if (rules.token && (verdict.route == HTTP_METRICS || verdict.route == HTTP_STATUS))
        assert(request.authorization && strstr(request.authorization, TOKEN));
}

static void read_address(const char *text) {
    struct http_address address;
    char why[256] = "", shown[HTTP_ADDRESS_TEXT];
    if (http_address_parse(text, &address, why, sizeof why) != 0) {
        assert(*why);
        return;
    }
    assert(address.count >= 1 && address.count <= 2);
    for (size_t i = 0; i < address.count; i++) {
        struct http_address again;
        assert(http_address_parse(http_address_text(&address.at[i], shown), &again, why, sizeof why) == 0);
        assert(again.count == 1 && again.port == address.port && again.loopback == address.loopback);
    }
}

/* Whatever the value is: one line, and quotes that close. */
static void render(const char *value, size_t size) {
    static const struct hm_metric METRIC = {"a_total", HM_COUNTER, "A", {"b"}};
    struct hm_text label = {value, size};
    struct writer out;
    writer_init(&out, 16 * size + 256);
    struct hm_metrics_reader reader = prometheus_reader(&out);
    reader.sample(reader.arg, &METRIC, &(struct hm_sample){.labels = &label, .integer = 1});
    assert(!out.error && memchr(out.at, '\n', out.size) == out.at + out.size - 1);
    size_t at = strlen("a_total{b=\"");
    while (out.at[at] != '"')
        at += out.at[at] == '\\' ? 2 : 1;
    assert(out.size - at == strlen("\"} 1\n"));
    writer_reset(&out);
    struct json json = {.out = &out};
    json_text(&json, label);
    assert(!out.error && !memchr(out.at, '<', out.size) && out.at[out.size - 1] == '"');
    for (at = 1; out.at[at] != '"';)
        at += out.at[at] == '\\' ? 2 : 1;
    assert(at == out.size - 1);
    writer_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *lines[3] = {0}, *rest = NULL;
    if (size == 0)
        return 0;
    char *text = malloc(size), *at = text;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    read_address(text);
    for (int i = 0; i < 3; i++) {
        char *end = at ? strchr(at, '\n') : NULL;
        lines[i] = at && *at && *at != '\n' ? at : NULL;
        if (end)
            *end = '\0';
        at = end ? end + 1 : NULL;
    }
    rest = at ? at : text;
    judge(data[0], lines);
    render(rest, (size_t)(text + size - 1 - rest));
    free(text);
    return 0;
}
