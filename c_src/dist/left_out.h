/*
 * dist/left_out: what takes the place of a payload that is left out, since it is nested deeper or larger than allowed.
 *
 * A frame says where the message in it ends, so the connection need not end with it. Who waits for an answer gets one: a request and an
 * answer keep who and what they are for, and LEFT_OUT stands for the rest; the reason of an exit signal is system_limit. Everything else is
 * gone. Pure: no allocation, any thread. A payload is what a peer sent, unchecked, and may be cut anywhere.
 */
#ifndef HM_DIST_LEFT_OUT_H
#define HM_DIST_LEFT_OUT_H

#include "dist/control.h"

/* An atom: the arguments of a spawn request, the request of a call or to a device, or the answer to one, were left out. */
#define LEFT_OUT "$hm_left_out"

enum left_out_why {
    LEFT_OUT_FRAME,   /* its frame is larger than allowed */
    LEFT_OUT_MESSAGE, /* its fragments are, together or with those of others */
    LEFT_OUT_COUNT,   /* too many others are unfinished */
    LEFT_OUT_MEMORY,  /* there is none for it */
    LEFT_OUT_DEPTH,   /* it is nested too deep */
};

/* Who asks and what for: a pid and an alias, whose node has the longest name there is, fit in. Of a payload no more needs to be kept. */
enum { LEFT_OUT_HEAD = 4096 };

struct left_out {
    hm_term term; /* in room */
    uint8_t room[LEFT_OUT_HEAD];
};

/* What stands for the payload of this control message. false: nobody waits for an answer to it, or nobody knows whom to give one. */
bool left_out_replace(const struct control *control, struct bytes payload, struct left_out *made);

#endif
