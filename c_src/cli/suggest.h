/*
 * cli/suggest: which of the words we know did somebody mean with the one they typed.
 *
 *     struct suggestion best = suggestion_for("sane");
 *     suggestion_try(&best, "sname", 5);
 *     printf("unknown option%s\n", suggestion_text(&best, "--", buffer, sizeof buffer));   ; did you mean
 * --sname?
 */
#ifndef HM_CLI_SUGGEST_H
#define HM_CLI_SUGGEST_H

#include <stddef.h>

struct suggestion {
    const char *typed;
    const char *word; /* the best until now, not terminated; NULL: nothing is near */
    size_t size;
    unsigned distance;
};

/* Borrows typed and later the words. */
struct suggestion suggestion_for(const char *typed);
void suggestion_try(struct suggestion *best, const char *word, size_t size);
/* "; did you mean PREFIXword?", or "" when nothing is near. Lends buffer. */
const char *suggestion_text(const struct suggestion *best, const char *prefix, char *buffer, size_t capacity);

#endif
