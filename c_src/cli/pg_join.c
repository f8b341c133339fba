#include "cli/pg_join.h"

#include <stdlib.h>
#include <string.h>

#include "cli/complain.h"

/* The group may have slashes and equals signs itself: it stands between the first slash and the last equals
 * sign. */
static int read_one(struct service_pg_join *join, const char *value, char *why, size_t capacity) {
    const char *slash = strchr(value, '/'), *equals = strrchr(value, '=');
    char detail[256];
    if (!slash || !equals || slash == value || equals <= slash + 1 || !equals[1])
        return complain(HM_EINVAL, why, capacity,
                        "--pg-join must be SCOPE/GROUP=SERVICE, as in pg/{room,1}=message_server, not \"%s\"",
                        value);
    char *group = strndup(slash + 1, (size_t)(equals - slash - 1));
    hm_build *build = hm_build_new();
    int error = group && build ? hm_term_parse(group, HM_SYNTAX_ERLANG, build, detail, sizeof detail)
                               : HM_ENOMEM;
    if (error == HM_ESYNTAX)
        error = complain(HM_EINVAL, why, capacity, "--pg-join %s: the group %s is no Erlang term: %s", value,
                         group, detail);
    else if (error == 0)
        error = hm_term_copy(hm_build_term(build), &join->group);
    hm_build_free(build);
    free(group);
    if (error)
        return error;
    join->scope = strndup(value, (size_t)(slash - value));
    join->service = strdup(equals + 1);
    return join->scope && join->service ? 0 : HM_ENOMEM;
}

int pg_joins_read(struct pg_joins *joins, const struct text_list *values, char *why, size_t capacity) {
    *joins = (struct pg_joins){.items = calloc(values->count + 1, sizeof *joins->items)};
    int error = joins->items ? 0 : HM_ENOMEM;
    for (size_t i = 0; error == 0 && i < values->count; i++)
        error = read_one(&joins->items[joins->count++], values->items[i], why, capacity);
    if (error == HM_ENOMEM)
        complain(HM_ENOMEM, why, capacity, "out of memory");
    if (error)
        pg_joins_free(joins);
    return error;
}

void pg_joins_free(struct pg_joins *joins) {
    for (size_t i = 0; i < joins->count; i++) {
        free((char *)joins->items[i].scope);
        free((void *)joins->items[i].group.bytes);
        free((char *)joins->items[i].service);
    }
    free(joins->items);
    *joins = (struct pg_joins){0};
}
