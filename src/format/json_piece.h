/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pieces of JSON, written at p without a look at how much room there is: whoever calls knows how long they are. Each gives the
 * end of what it wrote, a comma included. A key is a literal that the compiler quotes: KEY("pid").
 */
#pragma once

#include <string.h>

#include "fmt.h"
#include "json_words.h"

struct jsonw_key {
	const char *text;
	size_t len;
};
#define KEY(name) ((struct jsonw_key){"\"" name "\":", sizeof(name) + 2})
#define FIRST_KEY(name) ((struct jsonw_key){"{\"" name "\":", sizeof(name) + 3}) /* of an object in an array */
#define KEY_IN(object, name) ((struct jsonw_key){"\"" object "\":{\"" name "\":", sizeof(object) + sizeof(name) + 5})
#define KEY_NONE ((struct jsonw_key){"", 0})

#define JSONW_INT_MAX ((UINT64_C(1) << 53) - 1) /* larger integers are not safe in JavaScript and jq */

static inline char *piece_bytes(char *p, const char *bytes, size_t len)
{
	return (char *)memcpy(p, bytes, len) + len;
}

#define PIECE(p, literal) piece_bytes(p, literal, sizeof(literal) - 1)

static inline char *piece_key(char *p, struct jsonw_key key)
{
	return piece_bytes(p, key.text, key.len);
}

static inline char *piece_null(char *p, struct jsonw_key key)
{
	return PIECE(piece_key(p, key), "null,");
}

static inline char *piece_bool(char *p, struct jsonw_key key, bool value)
{
	p = piece_key(p, key);
	return value ? PIECE(p, "true,") : PIECE(p, "false,");
}

static inline char *piece_uint(char *p, struct jsonw_key key, uint64_t value)
{
	p = piece_key(p, key);
	if (__builtin_expect(value < 1000, 1))       /* as most are */
		return fmt_small_uint(p, value) + 1; /* its comma */
	p = fmt_long_uint(p, value < JSONW_INT_MAX ? value : JSONW_INT_MAX);
	*p++ = ',';
	return p;
}

static inline char *piece_uint_if(char *p, struct jsonw_key key, bool known, uint64_t value)
{
	return known ? piece_uint(p, key, value) : piece_null(p, key);
}

static inline char *piece_quote(char *p, struct jsonw_key key)
{
	p = piece_key(p, key);
	*p++ = '"';
	return p;
}

static inline char *piece_unquote(char *p)
{
	return PIECE(p, "\",");
}

/* What needs no escaping. */
static inline char *piece_chars(char *p, struct jsonw_key key, const char *text, size_t len)
{
	return piece_unquote(piece_bytes(piece_quote(p, key), text, len));
}

/* The same of a short text, which ends at its NUL or after `max` bytes: to copy it is as fast as to find its end. */
static inline char *piece_short(char *p, struct jsonw_key key, const char *text, size_t max)
{
	p = piece_quote(p, key);
	for (size_t i = 0; i < max && text[i]; i++)
		*p++ = text[i];
	return piece_unquote(p);
}

/* Copies all of the struct: the end of it is overwritten. */
static inline char *piece_word(char *p, const struct json_word *word)
{
	memcpy(p, word, sizeof(*word));
	return p + word->len;
}

static inline char *piece_time(char *p, struct jsonw_key key, int64_t wall_ns)
{
	return piece_unquote(fmt_time(piece_quote(p, key), wall_ns));
}

static inline char *piece_time_if(char *p, struct jsonw_key key, bool known, int64_t wall_ns)
{
	return known ? piece_time(p, key, wall_ns) : piece_null(p, key);
}

static inline char *piece_addr(char *p, struct jsonw_key key, const uint8_t *addr, bool ipv4)
{
	return piece_unquote(fmt_addr(piece_quote(p, key), addr, ipv4));
}

/* Ends an object that is not empty, and takes back the comma before. */
static inline char *piece_close(char *p)
{
	p[-1] = '}';
	*p++ = ',';
	return p;
}

/* Ends a list. */
static inline char *piece_close_list(char *p)
{
	return PIECE(p[-1] == ',' ? p - 1 : p, "],");
}
