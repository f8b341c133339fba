/* eval/map: maps of values: sorted arrays that are copied when they change. Pure but for the heap. One
 * thread. */
#ifndef HM_EVAL_MAP_H
#define HM_EVAL_MAP_H

#include "eval/value.h"

/* VALUE_NONE when the key is not there. */
value map_get(struct heap *heap, value map, value key);
value map_put(struct heap *heap, value map, value key, value v);
value map_remove(struct heap *heap, value map, value key);
/* Of count pairs in any order; of equal keys the last wins. */
value map_of_pairs(struct heap *heap, size_t count, const value pairs[]);

#endif
