/* SPDX-License-Identifier: GPL-2.0-only */
/* Pieces of a page. What comes from outside goes through html_text() and html_bytes() and nothing else. */
#pragma once

#include <stdint.h>

#include "buf.h"

/* Text as text: markup is escaped; what does not print, turns the direction of writing or is no UTF-8 is \xNN or \u{N}. */
void html_bytes(struct buf *b, const char *text, size_t len);
void html_text(struct buf *b, const char *text);

void html_count(struct buf *b, uint64_t count);                   /* 12,345 */
void html_percent(struct buf *b, uint64_t part, uint64_t of);     /* 12.3 % */
void html_fixed(struct buf *b, double value);                     /* 12.3, and three figures below 10 */
void html_coordinate(struct buf *b, double value);                /* of SVG: one digit behind the point */
void html_time(struct buf *b, int64_t us);                        /* 2026-01-02 03:04:05Z */
void html_plural(struct buf *b, uint64_t count, const char *one); /* 1 thing, 2 things */

/* Cells of a table: of text, of a number, of a duration. The number behind a cell sorts it. */
void html_cell_text(struct buf *b, const char *text);
void html_cell_count(struct buf *b, uint64_t count);
void html_cell_us(struct buf *b, uint64_t us, int known);

/* A table in a box that scrolls sideways, with the names of its columns: a name that begins with # is of numbers. */
void html_table_begin(struct buf *b, const char *id, const char *caption, const char *const *columns);
void html_table_end(struct buf *b);

/* The same where there may be no row: then the table, which began at `begin` and its rows at `rows`, is not there. */
void html_table_end_if(struct buf *b, char *begin, const char *rows);

/* <section id=ID><h2>TITLE</h2><p class=note>NOTE</p>; note may be NULL. */
void html_section(struct buf *b, const char *id, const char *title, const char *note);
void html_section_end(struct buf *b);
