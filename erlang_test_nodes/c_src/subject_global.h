/* The requests of the subject in C that are about `global`. */
#ifndef SUBJECT_GLOBAL_H
#define SUBJECT_GLOBAL_H

#include <hermod/server.h>

/* HM_UNKNOWN: none of them. */
enum hm_verdict subject_global_call(hm_process *self, hm_term request, const hm_from *from);

#endif
