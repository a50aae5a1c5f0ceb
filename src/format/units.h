/* SPDX-License-Identifier: GPL-2.0-only */
/* Durations, sizes and counts for people: a few characters, three figures at most. As fmt.h's functions, but for UNITS_MAX. */
#pragma once

#include <stdint.h>

#define UNITS_MAX 16

char *units_duration(char *p, uint64_t us); /* 850us 12.3ms 1.2s 3m04s 2h10m 5d07h: 6 characters up to 27 years */
char *units_size(char *p, uint64_t bytes);  /* 1023 4.1K 12M, of 1024: 4 characters */
char *units_count(char *p, uint64_t count); /* 999 12K .4M 3M, of 1000: 3 characters */
