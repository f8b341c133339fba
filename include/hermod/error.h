/*
 * Errors of the Hermod library.
 *
 * Functions that can fail return 0 or one of these negative numbers; results travel through pointers.
 * Unless a function says otherwise, its arguments and objects are as before the call when it fails.
 */
#ifndef HERMOD_ERROR_H
#define HERMOD_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define HM_API __attribute__((visibility("default")))
#else
#define HM_API
#endif

enum hm_error {
    HM_OK = 0,
    HM_ENOMEM = -1,      /* an allocation failed; nothing was changed */
    HM_EINVAL = -2,      /* an argument makes no sense (badarg) */
    HM_ENAME = -3,       /* a node or process name is not well formed, or short and long names are mixed */
    HM_ETAKEN = -4,      /* the name is registered already */
    HM_ENOENT = -5,      /* no such name, process, node or entry */
    HM_ELIMIT = -6,      /* a documented limit was reached (see hm_options) */
    HM_EBADTERM = -7,    /* bytes that are no well-formed external term, or a term of another shape */
    HM_ESYNTAX = -8,     /* text that is no Erlang or Elixir term */
    HM_ENOCONNECTION = -9, /* the node cannot be reached, or the connection was lost */
    HM_ENOPROC = -10,    /* the called process does not exist */
    HM_ETIMEOUT = -11,   /* no answer in the given time */
    HM_ECOOKIE = -12,    /* the peer refused our cookie, or we its */
    HM_EFLAGS = -13,     /* the peer lacks distribution flags that we need, or refuses ours */
    HM_EEPMD = -14,      /* epmd is not there, or gave no usable answer */
    HM_ESYSTEM = -15,    /* a system call failed; errno tells */
    HM_EEXIT = -16,      /* the called process ended before it answered; the reason is given beside */
    HM_ESTATE = -17,     /* not in this state (a node that is stopped, a reply given twice) */
};

/* A sentence for humans, without a full stop: "out of memory". Never NULL. Lends for ever. Any thread. */
HM_API const char *hm_strerror(int error);

#ifdef __cplusplus
}
#endif
#endif
