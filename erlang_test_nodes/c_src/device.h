/* The registered server `device' in C: see src/device.erl. */
#ifndef DEVICE_H
#define DEVICE_H

#include <hermod/hermod.h>

int device_server_start(hm_node *node);

#endif
