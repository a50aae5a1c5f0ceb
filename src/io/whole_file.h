/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small file that is replaced whole: a thread writes it under another name and renames it. The thread keeps what it takes to
 * find the folder again. A symbolic link at the name itself is not followed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct whole_file;

#define WHOLE_FILE_MAX (16u << 20) /* bytes; what is longer is not read */

/* Of a file, or of none yet, in a folder that can be written to. 0 or -errno, or -output_refusal. */
int whole_file_open(struct whole_file **out, const char *path, mode_t mode);

/* All that is in it, for free(). 0 or -errno: -ENOENT if there is none, -EINVAL if it is no file, -EFBIG if it is too long. */
int whole_file_read(const struct whole_file *file, char **ret_data, size_t *ret_len);

/* Never blocks, and takes `data` over, which free() frees: what was not written yet is replaced. */
void whole_file_write(struct whole_file *file, char *data, size_t len);

/* The errno of the last write, 0 if it is there. */
int whole_file_error(struct whole_file *file);

/* Writes what waits, for two seconds at the most. The errno of the last write, ETIMEDOUT if it hangs. NULL is fine: 0. */
int whole_file_close(struct whole_file *file);

/* The file goes, too, and what waits is not written. NULL is fine. */
void whole_file_remove(struct whole_file *file);
