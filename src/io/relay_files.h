/* SPDX-License-Identifier: GPL-2.0-only */
/* The files that a relay needs and may not open itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * The contents of a file, to be freed, with its length; NUL-terminated, without a NUL inside. `secret`: refused if others than
 * its owner may read it, unless it is a credential of systemd's. 0, or -errno with a sentence in `why`.
 */
struct relay_text {
	char *text;
	size_t len;
};
int relay_file_read(struct relay_text *ret_text, const char *path, bool secret, char *why, size_t why_size);
void relay_text_free(struct relay_text *text); /* and overwritten */

/*
 * Opens the directory of a spool, makes it if need be, gives it to the relay's user, and locks it against other runs. The
 * descriptor, or -errno with a sentence in `why`.
 */
int relay_spool_dir(const char *path, char *why, size_t why_size);
