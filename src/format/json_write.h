/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes JSON into a buf. Every value ends with a comma, which jsonw_close() and jsonw_end() take back: so no call needs to
 * know whether it is the first. A key is a literal that the compiler quotes: KEY("pid"); elements of an array have KEY_NONE.
 */
#pragma once

#include "buf.h"
#include "json_piece.h"

/* A literal of the language or any text that needs no escaping, as it is. */
static inline void jsonw_raw(struct buf *b, struct jsonw_key key, const char *text, size_t len)
{
	if (!buf_room(b, key.len + len + 1))
		return;
	b->p = piece_bytes(piece_key(b->p, key), text, len);
	*b->p++ = ',';
}

/*
 * Takes the pieces from b->p to p. They may go over the end: behind it the buffer has JSONW_SLACK bytes that buf_init() does
 * not know of, and no pieces that are taken at once are longer: those of a connection with the longest
 * lists and numbers have fewer than 4,000.
 */
#define JSONW_SLACK 4096
static inline void jsonw_take(struct buf *b, char *p)
{
	if (p > b->end) {
		p = b->end;
		b->overflow = true;
	}
	b->p = p;
}

static inline void jsonw_null(struct buf *b, struct jsonw_key key)
{
	jsonw_raw(b, key, "null", 4);
}

static inline void jsonw_bool(struct buf *b, struct jsonw_key key, bool value)
{
	jsonw_raw(b, key, value ? "true" : "false", value ? 4 : 5);
}

static inline void jsonw_open(struct buf *b, struct jsonw_key key, char bracket)
{
	buf_put(b, key.text, key.len);
	buf_char(b, bracket);
}

void jsonw_uint(struct buf *b, struct jsonw_key key, uint64_t value);                /* held at JSONW_INT_MAX */
void jsonw_int(struct buf *b, struct jsonw_key key, int64_t value);                  /* held at -JSONW_INT_MAX, too */
void jsonw_uint_if(struct buf *b, struct jsonw_key key, bool known, uint64_t value); /* else null */
void jsonw_uint_named(struct buf *b, const char *name, uint64_t value);              /* a key that is a variable */
void jsonw_uint_named_if(struct buf *b, const char *name, bool known, uint64_t value);
void jsonw_word(struct buf *b, struct jsonw_key key, const char *word); /* nothing to escape; NULL: null */
void jsonw_time(struct buf *b, struct jsonw_key key, int64_t wall_ns);
void jsonw_time_if(struct buf *b, struct jsonw_key key, bool known, int64_t wall_ns); /* else null */
void jsonw_addr(struct buf *b, struct jsonw_key key, const uint8_t *addr, bool ipv4); /* of 16 bytes; NULL: null */
void jsonw_hex_bytes(struct buf *b, struct jsonw_key key, const void *data, size_t len);

/*
 * Any bytes. What is not UTF-8 becomes U+FFFD, byte by byte, and false is returned. A text that would take more than `max`
 * bytes of the line is cut and ends with U+2026. NULL: null.
 */
bool jsonw_text(struct buf *b, struct jsonw_key key, const char *text, size_t len, size_t max);

struct jsonw_bytes {
	const char *text;
	size_t len, max;
};
bool jsonw_bytes(struct buf *b, struct jsonw_key key, const struct jsonw_bytes *bytes, bool *ret_cut); /* says if it was cut */

void jsonw_close(struct buf *b, char bracket);

/* Ends the line and gives its length; 0 if it did not fit. */
size_t jsonw_end(struct buf *b);
