/*
 * cli/screen: the whole of a terminal, for a while: keys as they are typed, pictures line by line, and the terminal as it was before when
 * it ends, whatever ends it.
 *
 * It is drawn on the other screen of the terminal, so that what stood there comes back. Signals that would end or stop the program
 * (SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP) put the terminal back first. A terminal that takes nothing (Ctrl-S, a slow line) holds up
 * nobody: pictures are left out meanwhile. One in a process.
 */
#ifndef HM_CLI_SCREEN_H
#define HM_CLI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct screen;

enum screen_key { SCREEN_UP = 256, SCREEN_DOWN, SCREEN_PAGE_UP, SCREEN_PAGE_DOWN, SCREEN_HOME, SCREEN_END }; /* else a byte */

struct screen_events {
    void (*key)(void *arg, int key);
    void (*resized)(void *arg); /* or shown again after a stop */
    void (*stop)(void *arg, int signal); /* a signal, or 0: the input has ended. The terminal is as it was */
};

/* Are standard input and output terminals? */
bool screen_is_possible(void);
/* HM_ENOMEM, HM_ESYSTEM. */
int screen_open(struct event_base *base, const struct screen_events *events, void *arg, struct screen **screen);
/* Idempotent; NULL is allowed. The screen is still to be freed. */
void screen_restore(struct screen *screen);
void screen_free(struct screen *screen);

void screen_size(unsigned *columns, unsigned *rows); /* 80 by 24 when nobody knows */
/* Lines that end in newlines, at most as many as there are rows; keeps a copy. What an earlier picture has left is gone. */
void screen_draw(struct screen *screen, const char *lines, size_t size);

#endif
