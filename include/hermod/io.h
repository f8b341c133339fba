/*
 * The IO protocol of Erlang from both ends: print to the group leader of whoever asked, and be one.
 *
 * A process prints by sending a request to its group leader, which is often on another node: the shell that
 * called it. hm_io_put_chars does what IO.puts and io:put_chars do,
 *
 *     hm_io_put_chars(self, hm_group_leader(self), "hello\n", 6, -1, NULL, NULL);
 *
 * and the text appears on that terminal. Node thread only. The wire is that of lib/stdlib/src/io.erl and
 * lib/kernel/src/group.erl of OTP.
 */
#ifndef HERMOD_IO_H
#define HERMOD_IO_H

#include <hermod/server.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- printing, and other requests to a device ----------------------------------------------- */

/*
 * Asks an IO device (a group leader, the pid of a file, a process of this node) to do something: request is
 * what stands in an io_request, as {put_chars, unicode, <<"text">>}, {get_line, unicode, <<"> ">>} or
 * getopts. Borrows it. Never blocks: the answer comes to `done` as a message of this process, so the handler
 * returns meanwhile. error 0 and the reply (ok, a line, eof, {error, Reason} ...); HM_ENOPROC,
 * HM_ENOCONNECTION, HM_ETIMEOUT, or HM_EEXIT and the exit reason, when the device ends first. done may be
 * NULL for those who do not want to know; it is called exactly once, except when this process ends first.
 * timeout_ms negative: no limit, as io:put_chars/2. On an error return (HM_ENOMEM, HM_ELIMIT, HM_EINVAL: no
 * pid) it is not called.
 */
HM_API int hm_io_request(hm_process *self, hm_pid device, hm_term request, int64_t timeout_ms,
                         hm_call_done *done, void *arg);
/* The same for {put_chars, unicode, Text}; the text is UTF-8, borrowed, and checked by the device. */
HM_API int hm_io_put_chars(hm_process *self, hm_pid device, const void *utf8, size_t size, int64_t timeout_ms,
                           hm_call_done *done, void *arg);

/* ---- being a device ------------------------------------------------------------------------- */

/* A process to which others send their IO requests, as a rule because it is their group leader. It knows the
 * protocol: both encodings, io:format (formatted here), lines, characters, options, request lists, and many
 * readers that wait, in order. The device behind it, a terminal or a log, is yours: */
typedef struct hm_io_server hm_io_server;

enum { HM_IO_LATER = 1 };

struct hm_io_device {
    size_t size; /* sizeof(struct hm_io_device): lets the struct grow */
    /* Text to write, all of it, in the order of the calls; from is who asked. The bytes (UTF-8, after
     * {encoding, latin1} Latin-1) are borrowed, and may hold control characters. 0: it is written, or the
     * device sees to it. HM_IO_LATER: it is taken, and hm_io_written says when it is written; until then
     * those who print wait for their answer, and max_output bounds what the others add. A negative error:
     * {error, terminated} for who asked. */
    int (*output)(void *arg, hm_pid from, const char *text, size_t size);
    /* Somebody waits for input (true): hm_io_input or hm_io_eof is to come; or nobody any more (false): what
     * is read now would be kept for the next. NULL: there is no input, every read is at its end (eof). */
    void (*input)(void *arg, bool wanted);
    /* Whether what is typed is shown. false: no terminal, passwords are refused ({error, enotsup}). May be
     * NULL. */
    bool (*echo)(void *arg, bool on);
    /* The size of the terminal in characters; false: it has none. May be NULL. */
    bool (*geometry)(void *arg, unsigned *columns, unsigned *rows);
    /* The process has ended: the hm_io_server is no more after this. May be NULL. */
    void (*ended)(void *arg);
    void *arg;
    bool binary; /* what is read is a binary, as Elixir expects, until somebody says otherwise (io:setopts) */
    uint32_t max_waiting; /* requests that wait for input or for hm_io_written, default 1000; then {error,
                             system_limit} */
    size_t
        max_output;   /* bytes of one request, and of all that is not written yet, default 16 MiB; the same */
    size_t max_input; /* bytes without an end of line, default 1 MiB: then they are given out as a line */
};

/* Starts the process (start: as for hm_server_start, may be NULL; it always traps exits; restart is
 * HM_EINVAL). Borrows the device for the call; arg lives until ended. Errors as hm_server_start. */
HM_API int hm_io_server_start(hm_node *node, const struct hm_io_device *device, const struct hm_start *start,
                              hm_io_server **server, hm_pid *pid);
/* Input that was asked for. These three may be called from any callback of the loop, also from inside
 * input(true) and output: what follows from them happens later. Bytes that are no UTF-8 are taken for
 * Latin-1. HM_ELIMIT: max_input bytes wait already, and these were not taken; HM_ENOMEM. */
HM_API int hm_io_input(hm_io_server *server, const void *bytes, size_t size);
/* The end of the input, which the first that waits gets to know (after what was left); the next asks again.
 */
HM_API void hm_io_eof(hm_io_server *server);
/* Everything that output took with HM_IO_LATER is written. */
HM_API void hm_io_written(hm_io_server *server);

#ifdef __cplusplus
}
#endif
#endif
