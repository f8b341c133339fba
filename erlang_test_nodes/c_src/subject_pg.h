/* The requests of the subject in C that are about process groups. */
#ifndef SUBJECT_PG_H
#define SUBJECT_PG_H

#include <hermod/server.h>

/* HM_UNKNOWN: none of them. */
enum hm_verdict subject_pg_call(hm_process *self, hm_term request, const hm_from *from);

#endif
