/* layer: otp
 * What a peer may say to global: one byte says how (cast, plain, call, to the locker, an answer, news), the rest is a term. A member that is in
 * the middle of joining gets it, and what it says in turn is well-formed. Several may follow each other. */
#include "unit/otp/global_alone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct alone alone;
    if (!alone_init(&alone) || !alone_begin(&alone))
        abort();
    alone_feed(&alone, data, size);
    assert(!global_member_failed(alone.member));
    hm_build *info = hm_build_new();
    global_member_put_info(alone.member, info);
    check_sent(hm_build_term(info));
    hm_build_free(info);
    global_member_free(alone.member);
    names_free(alone.names);
    return 0;
}
