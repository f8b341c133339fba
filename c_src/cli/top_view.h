/*
 * cli/top_view: what `hermod top` shows, out of what a node told at two moments: lines of text, no terminal. Pure but for the buffer that
 * it writes to.
 *
 * Rates are those between the two. Processes are sorted; what does not fit is counted. A line never has more than `columns'.
 */
#ifndef HM_CLI_TOP_VIEW_H
#define HM_CLI_TOP_VIEW_H

#include <stdio.h>

#include "cli/numbers.h"

enum top_sort { TOP_BY_WORK, TOP_BY_MEMORY, TOP_BY_MAILBOX, TOP_BY_NAME }; /* in the order of the choices of --sort */

struct top_view {
    const char *node;
    const struct numbers *before; /* NULL: nothing to compare with yet */
    const struct numbers *now;
    enum top_sort sort;
    size_t skip;           /* so many processes are above the first that is shown */
    bool no_peers;
    unsigned columns, rows; /* rows 0: as many as there are */
};

/* So many lines, each with its newline; *processes: how many there are to be shown. HM_ENOMEM. */
int top_view_put(const struct top_view *view, FILE *out, size_t *processes);

#endif
