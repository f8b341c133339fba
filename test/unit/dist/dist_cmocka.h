/* cmocka wants these before it, in every test. */
#ifndef TEST_UNIT_DIST_CMOCKA_H
#define TEST_UNIT_DIST_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
