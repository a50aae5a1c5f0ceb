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
	b->p = piece_uint(b->p, key, value);
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

void jsonw_uint_named_if(struct buf *b, const char *name, bool known, uint64_t value)
{
	buf_char(b, '"');
	buf_str(b, name);
	buf_put(b, "\":", 2);
	jsonw_uint_if(b, KEY_NONE, known, value);
}

/* Room for a quoted value of `max` bytes with its key. */
static bool jsonw_room(struct buf *b, struct jsonw_key key, size_t max)
{
	return buf_room(b, key.len + max + 3);
}

static void jsonw_chars(struct buf *b, struct jsonw_key key, const char *text, size_t len)
{
	if (jsonw_room(b, key, len))
		b->p = piece_chars(b->p, key, text, len);
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
	if (jsonw_room(b, key, FMT_TIME_LEN))
		b->p = piece_time(b->p, key, wall_ns);
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
	if (!addr)
		jsonw_null(b, key);
	else if (jsonw_room(b, key, FMT_ADDR_MAX))
		b->p = piece_addr(b->p, key, addr, ipv4);
}

void jsonw_hex_bytes(struct buf *b, struct jsonw_key key, const void *data, size_t len)
{
	if (jsonw_room(b, key, 2 * len))
		b->p = piece_unquote(fmt_hex_bytes(piece_quote(b->p, key), data, len));
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

/* Whether one of eight bytes is a control character, above '~', or one that JSON escapes. */
static bool jsonw_any_special(const char *text)
{
	const uint64_t ones = 0x0101010101010101, tops = 0x80 * ones;
	uint64_t bytes, quote, backslash;

	memcpy(&bytes, text, sizeof(bytes));
	quote = bytes ^ ones * '"';
	backslash = bytes ^ ones * '\\';
	return ((bytes | (bytes + ones)) & tops) /* from DEL on */ ||
	       (((bytes - ones * ' ') | (quote - ones) | (backslash - ones)) & tops); /* none has its top bit set */
}

/*
 * Copies a text with nothing in it to escape or to replace, as nearly all are, and says if it was one. p has room for it.
 */
static bool jsonw_copy_plain(char *p, const char *text, size_t len)
{
	/* clang-format off */
	static const bool plain[UINT8_MAX + 1] = {[' ' ... '!'] = true, ['#' ... '['] = true, [']' ... '~'] = true};
	/* clang-format on */
	size_t i;

	for (i = 0; i + 8 <= len; i += 8) {
		if (jsonw_any_special(text + i))
			return false;
		memcpy(p + i, text + i, 8);
	}
	for (; i < len; i++) {
		if (!plain[(uint8_t)text[i]])
			return false;
		p[i] = text[i];
	}
	return true;
}

bool jsonw_text(struct buf *b, struct jsonw_key key, const char *text, size_t len, size_t max)
{
	bool cut;

	return jsonw_bytes(b, key, &(struct jsonw_bytes){text, len, max}, &cut);
}

/* Few, and apart: inlined, it would slow down the rest. */
static __attribute__((noinline)) bool jsonw_escaped(struct buf *b, struct jsonw_key key, const struct jsonw_bytes *bytes,
						    bool *ret_cut)
{
	const char *text = bytes->text;
	size_t len = bytes->len;
	bool exact = true;

	buf_put(b, key.text, key.len);
	buf_char(b, '"');
	char *begin = b->p, *cut = begin; /* cut: the last end that leaves room for the ellipsis */
	for (size_t i = 0, used; i < len; i += used) {
		if (!buf_room(b, JSONW_CHAR_MAX))
			return exact;
		exact &= jsonw_put_char(&b->p, text + i, len - i, &used);
		size_t written = (size_t)(b->p - begin);
		if (written > bytes->max) {
			b->p = cut;
			buf_put(b, JSONW_ELLIPSIS, 3);
			*ret_cut = true;
			break;
		}
		if (written + 3 <= bytes->max)
			cut = b->p;
	}
	buf_put(b, "\",", 2);
	return exact;
}

bool jsonw_bytes(struct buf *b, struct jsonw_key key, const struct jsonw_bytes *bytes, bool *ret_cut)
{
	size_t len = bytes->len;

	*ret_cut = false;
	if (!bytes->text) {
		jsonw_null(b, key);
		return true;
	}
	if (len <= bytes->max && (size_t)(b->end - b->p) >= key.len + len + 3) {
		char *p = piece_quote(b->p, key);

		if (jsonw_copy_plain(p, bytes->text, len)) {
			b->p = piece_unquote(p + len);
			return true;
		}
	}
	return jsonw_escaped(b, key, bytes, ret_cut);
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
