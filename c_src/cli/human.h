/*
 * cli/human: numbers as a person reads them: 4.2 MiB, 3 h 12 min, 18.3 us. Pure.
 */
#ifndef HM_CLI_HUMAN_H
#define HM_CLI_HUMAN_H

#include <stdint.h>

/* Returned by value, to stand among the arguments of a printf. */
struct human {
    char text[24];
};

struct human human_bytes(double bytes);      /* "812 B", "4.2 KiB" */
struct human human_count(double count);      /* "812", "1.24M" */
struct human human_duration(double seconds); /* "12 s", "3 min 20 s", "4 h 12 min", "3 d 4 h" */
struct human human_time(double seconds);     /* of one thing that is short: "3.8 us", "12 ms", "1.4 s" */

#endif
