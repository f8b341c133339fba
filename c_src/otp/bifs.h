/*
 * otp/bifs: the functions of OTP's own modules that can be called from outside.
 *
 * Each bif_*.c exports its functions into otp/mfa's table when the node is made: a file is one function here and one line in otp.c.
 */
#ifndef HM_OTP_BIFS_H
#define HM_OTP_BIFS_H

#include "otp/mfa.h"

int bif_global_export(struct hm_node *node);  /* global */
int bif_hermod_export(struct hm_node *node);  /* hermod: the numbers of this node */
int bif_io_export(struct hm_node *node);      /* io, Elixir's IO: printing to the caller */
int bif_log_export(struct hm_node *node);     /* hermod: how much is logged */
int bif_pg_export(struct hm_node *node);      /* pg */
int bif_process_export(struct hm_node *node); /* about processes */
int bif_system_export(struct hm_node *node);  /* about the node */
int bif_code_export(struct hm_node *node);    /* which modules there are */
int bif_servers_export(struct hm_node *node); /* proc_lib, sys, supervisor: about one server */
int bif_application_export(struct hm_node *node); /* application, and appmon_info */
int bif_observer_export(struct hm_node *node);    /* observer_backend: what observer, etop and others ask for */

/* For other files of functions. */

/* The value of one of process_info's items, one term. */
void bif_put_process_item(const hm_process *process, const char *name, hm_build *build);
/* erlang:system_info(Item). false: there is no such item, and nothing was written. */
bool bif_put_system_info(const struct hm_node *node, hm_term item, hm_build *build);
/* A live process of this node from its pid or name; NULL when there is none. */
hm_process *bif_find_process(struct hm_node *node, hm_term who);
/* M:module_info/0,1 of any module that is here (see bif_code.c); false: it is none of these. */
bool bif_is_module_info(struct hm_node *node, hm_term module, hm_term function, long arity);
enum mfa_outcome bif_module_info(struct hm_node *node, hm_term module, long arity, const hm_term arguments[],
                                 hm_build *result);

#endif
