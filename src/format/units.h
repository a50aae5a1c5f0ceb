/* SPDX-License-Identifier: GPL-2.0-only */
/* Durations, sizes and counts for people: a few characters, three figures at most. As fmt.h's functions, but for UNITS_MAX. */
#pragma once

#include <stdint.h>

#define UNITS_MAX 32
#define UNITS_MORE_MAX 7 /* with so many digits more each duration is exact */

char *units_duration(char *p, uint64_t us); /* 850us 12.3ms 1.2s 3m04s 2h10m 5d07h: 6 characters up to 27 years */
/* The same with so many digits more, down to the microsecond: of 1.2s 1.23s, of 3m04s 3m04.5s, of 2h10m 2h10m07s. */
char *units_duration_more(char *p, uint64_t us, unsigned int more);
char *units_size(char *p, uint64_t bytes);  /* 1023 4.1K 12M, of 1024: 4 characters */
char *units_count(char *p, uint64_t count); /* 999 12K .4M 3M, of 1000: 3 characters */
