/* SPDX-License-Identifier: GPL-2.0-only */
/* A name of generated code as a frame: what Python, V8 and HotSpot write into perf maps. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct perf_name {
	const char *function; /* function_len bytes of the name */
	size_t function_len;
	const char *file; /* the last part of a path, file_len bytes; NULL: none */
	size_t file_len;
	uint32_t line;   /* where the function begins; 0: not known */
	bool of_runtime; /* a part of the language's own library */
};

/* `name` may be anything. */
void perf_name_parse(const char *name, struct perf_name *ret);
