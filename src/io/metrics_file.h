/* SPDX-License-Identifier: GPL-2.0-only */
/* Metrics in a file for node_exporter's textfile collector, which is whole at any time. */
#pragma once

#include <stddef.h>

struct metrics_file;

/* 0 or -errno, or -output_refusal. */
int metrics_file_open(struct metrics_file **out, const char *path);

/* Never blocks: what was not written yet is replaced. Returns the errno of the last write, 0 if it is there. */
int metrics_file_publish(struct metrics_file *file, const char *text, size_t len);

/* The file goes too, so that nobody takes its numbers for true. */
void metrics_file_close(struct metrics_file *file); /* NULL is fine */
