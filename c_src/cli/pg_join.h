/*
 * cli/pg_join: the values of --pg-join, SCOPE/GROUP=SERVICE, as the services want them.
 *
 * Owns the texts and terms that it reads. Prints nothing.
 */
#ifndef HM_CLI_PG_JOIN_H
#define HM_CLI_PG_JOIN_H

#include "cli/options.h"
#include "services/services.h"

struct pg_joins {
    struct service_pg_join *items;
    size_t count;
};

/* HM_EINVAL with why (it names the value and the place), HM_ENOMEM. */
int pg_joins_read(struct pg_joins *joins, const struct text_list *values, char *why, size_t capacity);
void pg_joins_free(struct pg_joins *joins);

#endif
