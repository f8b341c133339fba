/*
 * eval/terms: between the external format and values.
 *
 * Reading takes checked bytes. A closure of erl_eval (NEW_FUN_EXT of that module whose one free variable is
 * {Anno, Bindings, LocalHandler, ExternalHandler, UsedVars, Clauses [, Name]}) becomes a fun that can be
 * called here; other funs stay as they are. Writing gives it back byte for byte; a fun that was made here is
 * written in the same shape, with the identity of `origin`, the closure by which the evaluation began: a BEAM
 * knows funs of erl_eval by number and checksum. lib/stdlib/src/erl_eval.erl. One thread.
 */
#ifndef HM_EVAL_TERMS_H
#define HM_EVAL_TERMS_H

#include "eval/value.h"

value terms_read(struct heap *heap, hm_term term);
/* Appends v to build. origin: KIND_EXT or VALUE_NONE, then funs that were made here cannot be written
 * (HM_EINVAL). HM_ELIMIT: too deep. */
int terms_write(struct heap *heap, hm_build *build, value v, value origin);

#endif
