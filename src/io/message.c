// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names of files, values of options and lines of JSON are anybody's bytes, and stderr is often a terminal. A sentence is
 * written in one piece, so that those of two programs do not mix.
 */
#include "message.h"

#include "src/format/put.h"
#include "src/format/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENTENCE_MAX 1024 /* what is longer takes memory */
#define CHAR_MAX_BYTES 16 /* four bytes as \xNN */

static void flush(struct buf *b)
{
	fwrite(b->start, 1, (size_t)(b->p - b->start), stderr);
	b->p = b->start;
}

static void put_text(struct buf *b, const char *text, bool lines)
{
	size_t len = strlen(text), used;
	uint32_t code;

	for (size_t i = 0; i < len; i += used) {
		used = utf8_decode(text + i, len - i, &code);
		if (!used)
			used = 1;
		if (b->end - b->p < CHAR_MAX_BYTES + 1)
			flush(b);
		if (lines && (text[i] == '\n' || text[i] == '\t'))
			buf_char(b, text[i]);
		else
			put_safe(b, text + i, used, SIZE_MAX, false);
	}
}

void message_print(const char *before, const char *format, va_list args, bool lines)
{
	char text[SENTENCE_MAX], safe[4 * SENTENCE_MAX], *longer = NULL;
	va_list again;
	struct buf b;

	va_copy(again, args);
	if (vsnprintf(text, sizeof(text), format, args) >= (int)sizeof(text) && vasprintf(&longer, format, again) < 0)
		longer = NULL; /* no memory: its begin will do */
	va_end(again);
	buf_init(&b, safe, sizeof(safe));
	buf_str(&b, before);
	put_text(&b, longer ? longer : text, lines);
	if (!lines)
		buf_char(&b, '\n');
	flush(&b);
	free(longer);
}
