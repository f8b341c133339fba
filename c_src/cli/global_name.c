#include "cli/global_name.h"

#include <stdlib.h>
#include <string.h>

#include "cli/complain.h"

/* The name may have equals signs itself: it ends at the last one. */
static int read_one(struct service_global_name *item, const char *value, char *why, size_t capacity) {
    const char *equals = strrchr(value, '=');
    char detail[256];
    if (!equals || equals == value || !equals[1])
        return complain(HM_EINVAL, why, capacity,
                        "--register-global must be NAME=SERVICE, as in chat=message_server, not \"%s\"", value);
    char *name = strndup(value, (size_t)(equals - value));
    hm_build *build = hm_build_new();
    int error = name && build ? hm_term_parse(name, HM_SYNTAX_ANY, build, detail, sizeof detail) : HM_ENOMEM;
    if (error == HM_ESYNTAX)
        error = complain(HM_EINVAL, why, capacity, "--register-global %s: the name %s is no term: %s", value, name,
                         detail);
    else if (error == 0)
        error = hm_term_copy(hm_build_term(build), &item->name);
    hm_build_free(build);
    free(name);
    if (error)
        return error;
    item->service = strdup(equals + 1);
    return item->service ? 0 : HM_ENOMEM;
}

int global_names_read(struct global_name_list *list, const struct text_list *values, char *why, size_t capacity) {
    *list = (struct global_name_list){.items = calloc(values->count + 1, sizeof *list->items)};
    int error = list->items ? 0 : HM_ENOMEM;
    for (size_t i = 0; error == 0 && i < values->count; i++)
        error = read_one(&list->items[list->count++], values->items[i], why, capacity);
    if (error == HM_ENOMEM)
        complain(HM_ENOMEM, why, capacity, "out of memory");
    if (error)
        global_names_free(list);
    return error;
}

void global_names_free(struct global_name_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free((void *)list->items[i].name.bytes);
        free((char *)list->items[i].service);
    }
    free(list->items);
    *list = (struct global_name_list){0};
}
