// SPDX-License-Identifier: GPL-2.0-only
/*
 * JSON into a bounded buffer: commas, quoting and number formats, and nothing of what a record means.
 *
 * The output is always valid UTF-8 and has no control character in it, whatever bytes come in.
 */
#include "json_write.h"

#include "utf8.h"

void jsonw_uint(struct buf *b, struct jsonw_key key, uint64_t value)
{
	if (!buf_room(b, key.len + FMT_UINT_MAX + 1))
		return;
	memcpy(b->p, key.text, key.len);
	b->p = fmt_uint(b->p + key.len, value < JSONW_INT_MAX ? value : JSONW_INT_MAX);
	*b->p++ = ',';
}

void jsonw_int(struct buf *b, struct jsonw_key key, int64_t value)
{
	buf_put(b, key.text, key.len);
	if (value < 0)
		buf_char(b, '-');
	jsonw_uint(b, KEY_NONE, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void jsonw_uint_if(struct buf *b, struct jsonw_key key, bool known, uint64_t value)
{
	if (known)
		jsonw_uint(b, key, value);
	else
		jsonw_null(b, key);
}

void jsonw_uint_named(struct buf *b, const char *name, uint64_t value)
{
	buf_char(b, '"');
	buf_str(b, name);
	buf_put(b, "\":", 2);
	jsonw_uint(b, KEY_NONE, value);
}

/* Room for a quoted value of `max` bytes after its key and quote, which are written; NULL if there is none. */
static char *jsonw_quote(struct buf *b, struct jsonw_key key, size_t max)
{
	if (!buf_room(b, key.len + max + 3))
		return NULL;
	memcpy(b->p, key.text, key.len);
	b->p[key.len] = '"';
	return b->p + key.len + 1;
}

static void jsonw_unquote(struct buf *b, char *p)
{
	*p++ = '"';
	*p++ = ',';
	b->p = p;
}

static void jsonw_chars(struct buf *b, struct jsonw_key key, const char *text, size_t len)
{
	char *p = jsonw_quote(b, key, len);
	if (p)
		jsonw_unquote(b, (char *)memcpy(p, text, len) + len);
}

void jsonw_word(struct buf *b, struct jsonw_key key, const char *word)
{
	if (!word) {
		jsonw_null(b, key);
		return;
	}
	jsonw_chars(b, key, word, strlen(word));
}

void jsonw_time(struct buf *b, struct jsonw_key key, int64_t wall_ns)
{
	char *p = jsonw_quote(b, key, FMT_TIME_LEN);
	if (p)
		jsonw_unquote(b, fmt_time(p, wall_ns));
}

void jsonw_time_if(struct buf *b, struct jsonw_key key, bool known, int64_t wall_ns)
{
	if (known)
		jsonw_time(b, key, wall_ns);
	else
		jsonw_null(b, key);
}

void jsonw_addr(struct buf *b, struct jsonw_key key, const uint8_t *addr, bool ipv4)
{
	char *p = addr ? jsonw_quote(b, key, FMT_ADDR_MAX) : NULL;
	if (!addr)
		jsonw_null(b, key);
	else if (p)
		jsonw_unquote(b, fmt_addr(p, addr, ipv4));
}

void jsonw_hex_bytes(struct buf *b, struct jsonw_key key, const void *data, size_t len)
{
	char *p = jsonw_quote(b, key, 2 * len);
	if (p)
		jsonw_unquote(b, fmt_hex_bytes(p, data, len));
}

#define JSONW_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define JSONW_ELLIPSIS "\xe2\x80\xa6"    /* U+2026 */
#define JSONW_CHAR_MAX 6                 /* \u001b: no character takes more */

/* One character from text to p, which has room for it; *ret_used bytes of text are done. False if it was no character. */
static bool jsonw_put_char(char **p, const char *text, size_t len, size_t *ret_used)
{
	uint32_t code;
	size_t used = utf8_decode(text, len, &code);

	*ret_used = used ? used : 1;
	if (!used) {
		*p = (char *)memcpy(*p, JSONW_REPLACEMENT, 3) + 3;
		return false;
	}
	if (utf8_is_control(code)) {
		uint8_t bytes[2] = {(uint8_t)(code >> 8), (uint8_t)code}; /* all of them are below U+10000 */
		*p = fmt_hex_bytes((char *)memcpy(*p, "\\u", 2) + 2, bytes, sizeof(bytes));
		return true;
	}
	if (code == '"' || code == '\\')
		*(*p)++ = '\\';
	*p = (char *)memcpy(*p, text, used) + used;
	return true;
}

/* Nearly all texts are so: nothing in them to escape, to replace or to cut. */
static bool jsonw_is_plain(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] < ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\')
			return false;
	}
	return true;
}

bool jsonw_text(struct buf *b, struct jsonw_key key, const char *text, size_t len, size_t max)
{
	bool exact = true;

	if (!text) {
		jsonw_null(b, key);
		return true;
	}
	if (len <= max && jsonw_is_plain(text, len)) {
		jsonw_chars(b, key, text, len);
		return true;
	}
	buf_put(b, key.text, key.len);
	buf_char(b, '"');
	char *begin = b->p, *cut = begin; /* cut: the last end that leaves room for the ellipsis */
	for (size_t i = 0, used; i < len; i += used) {
		if (!buf_room(b, JSONW_CHAR_MAX))
			return exact;
		exact &= jsonw_put_char(&b->p, text + i, len - i, &used);
		size_t written = (size_t)(b->p - begin);
		if (written > max) {
			b->p = cut;
			buf_put(b, JSONW_ELLIPSIS, 3);
			break;
		}
		if (written + 3 <= max)
			cut = b->p;
	}
	buf_put(b, "\",", 2);
	return exact;
}

static void jsonw_take_comma(struct buf *b)
{
	if (b->p > b->start && b->p[-1] == ',')
		b->p--;
}

void jsonw_close(struct buf *b, char bracket)
{
	jsonw_take_comma(b);
	buf_char(b, bracket);
	buf_char(b, ',');
}

size_t jsonw_end(struct buf *b)
{
	jsonw_take_comma(b);
	buf_char(b, '\n');
	return b->overflow ? 0 : (size_t)(b->p - b->start);
}
