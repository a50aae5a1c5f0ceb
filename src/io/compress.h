/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Compresses rotated files, FILE.N to FILE.N.gz, in a thread: the queue's writer would be held up for seconds by 100 MB. The
 * thread runs at a low priority and is ended between two pieces of 64 KB when the run ends; the next run does it again.
 */
#pragma once

#include "file_settings.h"
#include "output_open.h"

struct compressor;

/* The settings are copied. 0 or -ENOMEM. */
int compressor_open(struct compressor **out, const struct file_settings *settings);

/* Compresses each FILE.N that is not. Not while it is busy. 0 or -errno. */
int compressor_start(struct compressor *compressor, const struct output_place *place);

bool compressor_busy(const struct compressor *compressor);
void compressor_close(struct compressor *compressor); /* NULL is fine */

/* Of FILE the name of what is being compressed. */
#define COMPRESS_PART ".gz.part"
