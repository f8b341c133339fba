/*
 * The log of a node: lines of your own program in it, and how much is logged.
 *
 * A line has an id, "shop.order": its first word is the module, which can have a level of its own, also while the node runs:
 *
 *     hermod log NODE shop=debug
 *     iex> :rpc.call(node, :hermod, :set_log_level, [:shop, :debug])
 *
 * Where the lines go is up to hm_options.log. Processes use hm_log (server.h). Node thread only.
 */
#ifndef HERMOD_LOG_H
#define HERMOD_LOG_H

#include <hermod/hermod.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A line of the node's log, if lines of this level and module are wanted. */
HM_API void hm_node_log(hm_node *node, enum hm_log_level level, const char *id, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * The most talkative level wanted of a module, whatever the others have; module NULL: of all that have none of their own (first
 * hm_options.log_level). HM_ENAME (a module is a word of a-z, 0-9 and _, of at most 23 characters), HM_ELIMIT (128 modules).
 */
HM_API int hm_log_set_level(hm_node *node, const char *module, enum hm_log_level level);
/* Takes it back: the module has no level of its own any more; module NULL: the level of hm_options.log_level. Other modules: nothing happens. */
HM_API void hm_log_reset_level(hm_node *node, const char *module);

/* Calls each for every module that is known: those of this library, those that were set, and those of hm_log and hm_node_log that were heard. own: it
 * has a level of its own. The first call has module NULL, and the level of the others. */
HM_API void hm_log_each_level(hm_node *node, void (*each)(void *arg, const char *module, enum hm_log_level level, bool own), void *arg);

#ifdef __cplusplus
}
#endif
#endif
