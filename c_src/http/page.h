/*
 * http/page: the status page: page.html, as it lies beside this file, and the policy under which a browser may run it.
 *
 * The file is part of the program (.incbin). Its one script and its one style sheet are allowed by their digests, which are computed
 * when the server opens, so that they cannot be forgotten when the page changes. Any thread.
 */
#ifndef HM_HTTP_PAGE_H
#define HM_HTTP_PAGE_H

#include "base/bytes.h"

struct http_page {
    char policy[512]; /* the header Content-Security-Policy */
};

void http_page_init(struct http_page *page);
struct bytes http_page_bytes(void);

#endif
