/*
 * cli/noproc: nobody has that name on the other node; which of those that are there was meant?
 */
#ifndef HM_CLI_NOPROC_H
#define HM_CLI_NOPROC_H

#include "cli/tool.h"

/* Asks the node for its names, says that there is no such process, and finishes the tool with EXIT_NOPROC. Borrows name (an atom's text)
 * until then. */
void noproc_explain(struct tool *tool, const char *name);

#endif
