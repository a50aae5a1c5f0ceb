/* SPDX-License-Identifier: GPL-2.0-only */
/* Cells of `top`: each fills its width, a space before its text included. */
#pragma once

#include "buf.h"

#include <stdint.h>

#define TOP_CELL_NUMBER 5                    /* a space and 4 characters */
#define TOP_CELL_COUNT (TOP_CELL_NUMBER + 4) /* a number, and how it changed: "  123+4  " */
#define TOP_CONTAINER 12                     /* digits of an id, as docker ps has them */

void top_cell_number(struct buf *b, uint64_t value, size_t width); /* at the right edge; a large one is rounded */
/* `changes` false: nothing is known of a change. */
void top_cell_count(struct buf *b, uint64_t now, uint64_t before, bool changes);
void top_cell_uint(struct buf *b, uint64_t value, size_t width); /* at the right edge */
void top_cell_duration(struct buf *b, const char *before, uint64_t us, size_t width);
void top_cell_text(struct buf *b, const char *text, size_t len, size_t width, bool ascii); /* NULL is "-" */
