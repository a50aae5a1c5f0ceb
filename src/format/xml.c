// SPDX-License-Identifier: GPL-2.0-only
#include "xml.h"

#include <stdint.h>

#include "buf.h"
#include "utf8.h"

static const char *escape_of(uint32_t code)
{
	switch (code) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&quot;";
	default:
		return NULL;
	}
}

/* XML 1.0, Char; and nothing that a terminal or the direction of writing would be changed by. */
static bool is_allowed(uint32_t code)
{
	return !utf8_is_control(code) && code != 0xfffe && code != 0xffff;
}

void xml_put(struct buf *b, const char *text, size_t len)
{
	for (size_t i = 0, used; i < len; i += used) {
		uint32_t code = 0;
		const char *escape;

		used = utf8_decode(text + i, len - i, &code);
		escape = used ? escape_of(code) : NULL;
		if (!used || !is_allowed(code))
			buf_str(b, "\xef\xbf\xbd");
		else if (escape)
			buf_str(b, escape);
		else
			buf_put(b, text + i, used);
		used = used ? used : 1;
	}
}
