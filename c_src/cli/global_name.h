/*
 * cli/global_name: the values of --register-global, NAME=SERVICE, as the services want them.
 *
 * Owns the texts and terms that it reads. Prints nothing.
 */
#ifndef HM_CLI_GLOBAL_NAME_H
#define HM_CLI_GLOBAL_NAME_H

#include "cli/options.h"
#include "services/services.h"

struct global_name_list {
    struct service_global_name *items;
    size_t count;
};

/* HM_EINVAL with why (it names the value and the place), HM_ENOMEM. */
int global_names_read(struct global_name_list *list, const struct text_list *values, char *why, size_t capacity);
void global_names_free(struct global_name_list *list);

#endif
