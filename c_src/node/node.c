#include "node/node.h"

hm_ref node_make_ref(struct hm_node *node) {
    uint64_t number = ++node->next_reference;
    return (hm_ref){.node = node->name,
                    .creation = node->dist.creation,
                    .words = 3,
                    /* The first word has 18 bits in the old form, which some still assume. */
                    .id = {(uint32_t)(number & 0x3ffff), (uint32_t)(number >> 18), (uint32_t)(number >> 50)}};
}

enum { SPARE_BYTES = 64 * 1024 }; /* a larger one is not kept */

hm_build *node_build_take(struct hm_node *node) {
    hm_build *build = node->spare_build;
    if (!build)
        return hm_build_new();
    node->spare_build = NULL;
    hm_build_reset(build);
    return build;
}

void node_build_give(struct hm_node *node, hm_build *build) {
    if (!build)
        return;
    if (node->spare_build || hm_build_term(build).size > SPARE_BYTES || hm_build_error(build) != HM_OK)
        hm_build_free(build);
    else
        node->spare_build = build;
}
