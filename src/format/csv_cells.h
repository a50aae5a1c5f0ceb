/* SPDX-License-Identifier: GPL-2.0-only */
/* The cells of a row of CSV. The same calls write the header and each row. */
#pragma once

#include "buf.h"
#include "format.h"

#include <stdbool.h>

struct csv {
	struct buf b;
	const struct format_input *in; /* NULL: the header */
	bool begun;                    /* a cell stands before the next */
};

/* True: the cell's value is to follow. */
bool csv_cell(struct csv *c, const char *title);

/* `known` false: an empty cell. */
void csv_cell_uint(struct csv *c, const char *title, bool known, uint64_t value);
void csv_cell_word(struct csv *c, const char *title, const char *word); /* one of our own; NULL: not known */
void csv_cell_bool(struct csv *c, const char *title, bool known, bool value);
void csv_cell_time(struct csv *c, const char *title, bool known, uint64_t ts);
void csv_cell_text(struct csv *c, const char *title, const char *text, size_t len); /* foreign bytes; NULL: not known */
void csv_cell_path(struct csv *c, const char *title, const char *path);

/* From conn_id to container.id; `is` false: empty cells. */
void csv_tuple(struct csv *c, const struct conn_tuple *t, const struct record_owner *owner, bool is);
