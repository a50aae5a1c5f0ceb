/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the parser gets files from: from the opener, or in a test from memory. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A process between two exec()s. */
struct program_id {
	uint64_t start_ns; /* since boot */
	uint64_t exec_id;
	uint32_t tgid;
};

/* A file with code that the process has mapped. */
#define MODULES_MAX 256 /* of a process; those with the lowest addresses */
struct module_range {
	uint64_t low, high;  /* all its mappings, which follow one another */
	uint64_t start, end; /* one of them, by which it is opened */
	char name[64];       /* the last part of its path, cut; any bytes, terminated */
	uint8_t of_system;   /* a library in the system's folders; 0 or 1 */
};

/* Each returns a negative errno on failure: -ESRCH: the program is gone; -ETIMEDOUT: that took too long. */
struct file_source {
	void *ctx;
	int (*modules)(void *ctx, const struct program_id *program, struct module_range *ret_modules); /* their number */
	int (*open)(void *ctx, const struct program_id *program, const struct module_range *module);   /* a descriptor */
	int (*open_debug)(void *ctx, const uint8_t *build_id, size_t len);                             /* a descriptor */
	int (*open_map)(void *ctx, const struct program_id *program); /* a descriptor of its perf map; NULL: nobody has one */
};
