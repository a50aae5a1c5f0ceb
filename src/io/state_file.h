/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small file that is replaced whole: a thread writes it under another name and renames it. Its folder is opened at once, so
 * that it is found again after the run has given up privileges. Symbolic links are not followed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct state_file;

#define STATE_FILE_MAX (16u << 20) /* bytes; what is longer is not read */

/* Of a file, or of none yet, in a folder that can be written to. 0 or -errno, or -output_refusal. */
int state_file_open(struct state_file **out, const char *path);

/* All that is in it, for free(). 0 or -errno: -ENOENT if there is none, -EINVAL if it is no file, -EFBIG if it is too long. */
int state_file_read(const struct state_file *file, char **ret_data, size_t *ret_len);

/* Never blocks, and takes `data` over, which free() frees: what was not written yet is replaced. */
void state_file_write(struct state_file *file, char *data, size_t len);

/* The errno of the last write, 0 if it is there. */
int state_file_error(struct state_file *file);

/* Writes what waits, for two seconds at the most. The errno of the last write, ETIMEDOUT if it hangs. NULL is fine: 0. */
int state_file_close(struct state_file *file);
