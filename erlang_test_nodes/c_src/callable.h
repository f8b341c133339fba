/* The functions that the subject in C exports. */
#ifndef CALLABLE_H
#define CALLABLE_H

#include <hermod/hermod.h>

int callable_export(hm_node *node);

#endif
