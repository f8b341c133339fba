#include "node/node.h"

hm_ref node_make_ref(struct hm_node *node) {
    uint64_t number = ++node->next_reference;
    return (hm_ref){.node = node->name,
                    .creation = node->dist.creation,
                    .words = 3,
                    /* The first word has 18 bits in the old form, which some still assume. */
                    .id = {(uint32_t)(number & 0x3ffff), (uint32_t)(number >> 18), (uint32_t)(number >> 50)}};
}
