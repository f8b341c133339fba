#include "services/user_places.h"

#include <stdlib.h>
#include <string.h>

struct place *places_find(const struct places *places, const hm_node_name *node) {
    struct place *place;
    TAILQ_FOREACH (place, places, next)
        if (place->node == node)
            return place;
    return NULL;
}

/* By text, not through hm_node_find: a node that is not connected must not take a place in the table of names. */
struct place *places_find_name(const struct places *places, struct hm_text name) {
    struct place *place;
    TAILQ_FOREACH (place, places, next) {
        const char *text = hm_node_name_text(place->node);
        if (strlen(text) == name.size && memcmp(text, name.at, name.size) == 0)
            return place;
    }
    return NULL;
}

struct place *places_add(struct places *places, const hm_node_name *node, bool visible) {
    struct place *place = calloc(1, sizeof *place), *behind;
    if (!place)
        return NULL;
    place->node = node;
    place->visible = visible;
    TAILQ_FOREACH (behind, places, next)
        if (strcmp(hm_node_name_text(behind->node), hm_node_name_text(node)) > 0)
            break;
    if (behind)
        TAILQ_INSERT_BEFORE(behind, place, next);
    else
        TAILQ_INSERT_TAIL(places, place, next);
    return place;
}

void places_remove(struct places *places, struct place *place) {
    place_forget_list(place);
    place_forget_listed(place);
    TAILQ_REMOVE(places, place, next);
    free(place);
}

bool place_forget_list(struct place *place) {
    bool had = place->list.size > 0;
    free((void *)(uintptr_t)place->list.bytes);
    place->list = (hm_term){0};
    place->over = false;
    return had;
}

void place_forget_listed(struct place *place) {
    hm_build_free(place->listed);
    place->listed = NULL;
}
