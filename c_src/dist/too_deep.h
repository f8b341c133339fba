/*
 * dist/too_deep: what takes the place of a payload that is nested deeper than allowed.
 *
 * A frame says where the message in it ends, so the connection need not end with it. Who waits for an answer gets one: a request and an
 * answer keep who and what they are for, and TOO_DEEP stands for the rest; the reason of an exit signal is system_limit. Everything else is
 * left out. Pure: no allocation, any thread. A payload is what a peer sent, unchecked.
 */
#ifndef HM_DIST_TOO_DEEP_H
#define HM_DIST_TOO_DEEP_H

#include "dist/control.h"

/* An atom: the arguments of a spawn request, the request of a call, or the answer to one, were nested too deep. */
#define TOO_DEEP "$hm_too_deep"

struct too_deep {
    hm_term term; /* in room */
    uint8_t room[1024];
};

/* The payload of this control message, which check_term refused with HM_ELIMIT. false: nobody waits for an answer to it, or nobody knows
 * whom to give one. */
bool too_deep_replace(const struct control *control, struct bytes payload, struct too_deep *made);

#endif
