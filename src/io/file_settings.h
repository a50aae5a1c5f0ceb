/* SPDX-License-Identifier: GPL-2.0-only */
/* What an operator can ask for a file that lines are appended to. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "src/host/group.h"

struct file_settings {
	gid_t group;           /* GROUP_NONE: as it is */
	uint64_t rotate_bytes; /* the file is rotated when it has so many; 0: never */
	unsigned int rotate_keep;
	bool rotate_compress;
	const char *head; /* a line that each new file begins with; it is copied. NULL: none */

	/* Says what went wrong and does not end the run. Called on threads of the output. NULL: it is said nowhere. */
	void (*say)(void *ctx, const char *sentence);
	void *say_ctx;
};

/* Calls settings->say, if there is one. */
__attribute__((format(printf, 2, 3))) void file_say(const struct file_settings *settings, const char *format, ...);
