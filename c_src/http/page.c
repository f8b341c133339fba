#include "http/page.h"

#include <sha2.h>
#include <stdio.h>

/* A section of its own: a page of the program that nobody looks at should not be near those that everybody needs. */
__asm__(".pushsection hermod_page, \"a\", %progbits\n"
        ".balign 4096\n"
        "http_page_begin:\n"
        ".incbin \"c_src/http/page.html\"\n"
        "http_page_end:\n"
        ".popsection\n");
extern const uint8_t http_page_begin[] __attribute__((visibility("hidden"))), http_page_end[] __attribute__((visibility("hidden")));

struct bytes http_page_bytes(void) {
    return bytes_of(http_page_begin, (size_t)(http_page_end - http_page_begin));
}

/* What stands between two tags; both are there once. */
static struct bytes find_between(struct bytes text, const char *begin, const char *end) {
    const uint8_t *from = memmem(text.at, text.size, begin, strlen(begin));
    if (!from)
        return bytes_of(NULL, 0);
    from += strlen(begin);
    const uint8_t *to = memmem(from, (size_t)(text.at + text.size - from), end, strlen(end));
    return bytes_of(from, to ? (size_t)(to - from) : 0);
}

static const char *put_digest(struct bytes text, char base64[48]) {
    static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t digest[SHA256_DIGEST_LENGTH + 1] = {0};
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, text.at, text.size);
    SHA256Final(digest, &context);
    char *at = base64;
    for (size_t i = 0; i < SHA256_DIGEST_LENGTH; i += 3) {
        uint32_t bits = (uint32_t)digest[i] << 16 | (uint32_t)digest[i + 1] << 8 | digest[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            *at++ = LETTERS[bits >> shift & 63];
    }
    at[-1] = '='; /* 32 bytes are ten groups of three and two more */
    *at = '\0';
    return base64;
}

void http_page_init(struct http_page *page) {
    char script[48], style[48];
    struct bytes text = http_page_bytes();
    snprintf(page->policy, sizeof page->policy,
             "default-src 'none'; script-src 'sha256-%s'; style-src 'sha256-%s'; connect-src 'self'; img-src data:; base-uri 'none'; "
             "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
             put_digest(find_between(text, "<script>", "</script>"), script), put_digest(find_between(text, "<style>", "</style>"), style));
}
