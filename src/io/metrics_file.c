// SPDX-License-Identifier: GPL-2.0-only
#include "metrics_file.h"

#include "wait.h"
#include "whole_file.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PERIOD_NS 5000000000ull
#define MODE 0644

struct metrics_file {
	struct whole_file *file; /* written under a name that is no *.prom, so that the collector does not read it */
	uint64_t next_ns;
};

int metrics_file_open(struct metrics_file **out, const char *path)
{
	struct metrics_file *f = calloc(1, sizeof(*f));
	int err = f ? whole_file_open(&f->file, path, MODE) : -ENOMEM;

	if (err)
		free(f);
	else
		*out = f;
	return err;
}

int metrics_file_publish(struct metrics_file *f, const char *text, size_t len)
{
	uint64_t now = wait_now();
	char *copy;

	if (now < f->next_ns)
		return whole_file_error(f->file);
	copy = malloc(len);
	if (!copy)
		return ENOMEM;
	f->next_ns = now + PERIOD_NS;
	memcpy(copy, text, len);
	whole_file_write(f->file, copy, len);
	return whole_file_error(f->file);
}

void metrics_file_close(struct metrics_file *f)
{
	if (!f)
		return;
	whole_file_remove(f->file);
	free(f);
}
