/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes JSON into a buf. Every value ends with a comma, which jsonw_close() and jsonw_end() take back: so no call needs to
 * know whether it is the first. A key is a literal that the compiler quotes: KEY("pid"); elements of an array have KEY_NONE.
 */
#pragma once

#include <string.h>

#include "buf.h"
#include "fmt.h"

struct jsonw_key {
	const char *text;
	size_t len;
};
#define KEY(name) ((struct jsonw_key){"\"" name "\":", sizeof(name) + 2})
#define KEY_NONE ((struct jsonw_key){"", 0})

#define JSONW_INT_MAX ((UINT64_C(1) << 53) - 1) /* larger integers are not safe in JavaScript and jq */

/* A literal of the language or any text that needs no escaping, as it is. */
static inline void jsonw_raw(struct buf *b, struct jsonw_key key, const char *text, size_t len)
{
	if (!buf_room(b, key.len + len + 1))
		return;
	memcpy(b->p, key.text, key.len);
	memcpy(b->p + key.len, text, len);
	b->p += key.len + len;
	*b->p++ = ',';
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
void jsonw_word(struct buf *b, struct jsonw_key key, const char *word);              /* nothing to escape; NULL: null */
void jsonw_time(struct buf *b, struct jsonw_key key, int64_t wall_ns);
void jsonw_time_if(struct buf *b, struct jsonw_key key, bool known, int64_t wall_ns); /* else null */
void jsonw_addr(struct buf *b, struct jsonw_key key, const uint8_t *addr, bool ipv4); /* of 16 bytes; NULL: null */
void jsonw_hex_bytes(struct buf *b, struct jsonw_key key, const void *data, size_t len);

/*
 * Any bytes. What is not UTF-8 becomes U+FFFD, byte by byte, and false is returned. A text that would take more than `max`
 * bytes of the line is cut and ends with U+2026. NULL: null.
 */
bool jsonw_text(struct buf *b, struct jsonw_key key, const char *text, size_t len, size_t max);

void jsonw_close(struct buf *b, char bracket);

/* Ends the line and gives its length; 0 if it did not fit. */
size_t jsonw_end(struct buf *b);
