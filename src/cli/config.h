/* SPDX-License-Identifier: GPL-2.0-only */
/* Files of options: one a line, as on the command line without the dashes. What they mean is args.c's. */
#pragma once

#include <stddef.h>

#define CONFIG_BYTES_MAX (1u << 20)
#define CONFIG_FILES_MAX 64 /* of one folder */

struct config_line {
	const char *key;
	char *value; /* NULL: none */
};

/* Cuts a line, without its newline, in place. 1; 0: there is no option on it; -EINVAL with the reason in *ret_why. */
int config_cut(char *line, struct config_line *ret, const char **ret_why);

struct config_reader {
	/* `where` is "FILE:LINE", and the strings of `line` stay as long as the text of keep(). Other than 0 ends the reading.
	 */
	int (*take)(void *ctx, const char *where, const struct config_line *line);
	/* Gets a file's text, to be freed after the last use of its lines. Other than 0 ends the reading. */
	int (*keep)(void *ctx, char *text);
	void *ctx;
};

/*
 * Reads a file; of a folder all whose names end in .conf, in the order of their names. 0; what take() or keep() returned; or
 * -EINVAL with the reason in `why`.
 */
#define CONFIG_WHY 1024
int config_read(const char *path, const struct config_reader *reader, char why[CONFIG_WHY]);
