/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers, addresses and names for people, appended to a buf. */
#pragma once

#include <stdint.h>

#include "buf.h"

struct conn_tuple;
struct wire_ident;

void put_uint(struct buf *b, uint64_t value);
void put_hex(struct buf *b, uint64_t value);
void put_time(struct buf *b, int64_t wall_ns);             /* RFC 3339, in UTC */
void put_duration(struct buf *b, uint64_t us);             /* units_duration() */
void put_size(struct buf *b, uint64_t bytes);              /* units_size() */
void put_spaces(struct buf *b, size_t used, size_t width); /* from column `used` to `width` */

/* `before` and then the value. */
void put_text_uint(struct buf *b, const char *before, uint64_t value);
void put_text_duration(struct buf *b, const char *before, uint64_t us);

/* A short text in the making; what does not fit is left out. */
struct label {
	struct buf b;
	char text[360]; /* two ends with escaped names and addresses */
};

static inline void label_init(struct label *label)
{
	buf_init(&label->b, label->text, sizeof(label->text));
}

static inline size_t label_len(const struct label *label)
{
	return (size_t)(label->b.p - label->b.start);
}

/* The socket's local or peer address; an IPv6 address in brackets. */
void put_address(struct buf *b, const struct wire_ident *id, bool local);

/* The same with its port, or `unknown` for a port that is not known. */
void put_endpoint(struct buf *b, const struct wire_ident *id, bool local, char unknown);

/* The address without brackets, as options take it. */
void put_bare_address(struct buf *b, const struct wire_ident *id, bool local);

/*
 * Foreign bytes: what prints is written as it is and every other byte (with `ascii`, all but ASCII) as \xNN, at most `max`
 * columns and no half of an escape. Returns the columns written: one per character, which is wrong only for wide and combining
 * ones.
 */
size_t put_safe(struct buf *b, const char *text, size_t len, size_t max, bool ascii);

/* name[pid] of a tuple that has a process, the name in at most `max` columns. Returns the columns written. */
size_t put_process(struct buf *b, const struct conn_tuple *t, size_t max, bool ascii);
