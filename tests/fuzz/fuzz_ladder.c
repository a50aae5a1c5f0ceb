// SPDX-License-Identifier: GPL-2.0-only
/*
 * A line of any bytes as a record of each end of a connection. Whatever it says: a reason why it is none, or ladders that fit
 * into their place, into the columns that were asked for and, where asked for, into ASCII, and that hold nothing but characters
 * and newlines.
 */
#include "src/format/json_read.h"
#include "src/format/ladder.h"
#include "src/format/mermaid.h"
#include "src/format/sentences.h"
#include "src/format/svg.h"
#include "src/format/utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_ladder(const struct ladder_end *left, const struct ladder_end *right, bool ascii)
{
	static char text[LADDER_MAX];
	static unsigned int variant;
	const struct ladder ladder = {
		.left = left,
		.right = right,
		.clock = variant++ % LADDER_CLOCKS,
		.width = LADDER_WIDTH_MIN + variant % (LADDER_WIDTH_MAX - LADDER_WIDTH_MIN + 1),
		.ascii = ascii,
	};
	size_t columns = 0, len;
	uint32_t code;

	len = ladder_draw(&ladder, text, sizeof(text));
	check(len && len <= sizeof(text) && text[len - 1] == '\n');
	for (size_t i = 0; i < len; i++) {
		columns = text[i] == '\n' ? 0 : columns + ((text[i] & 0xc0) != 0x80);
		check(columns <= ladder.width);
		check(text[i] == '\n' || (unsigned char)text[i] >= ' ');
		check(!ascii || (unsigned char)text[i] < 0x7f);
	}
	for (size_t i = 0, used; i < len; i += used) {
		used = utf8_decode(text + i, len - i, &code);
		check(used && (code == '\n' || !utf8_is_control(code)));
	}
}

/* The same as SVG: it fits, and its tags are its own. tests/replay/test_pictures.py reads some with an XML parser. */
static void check_svg(const struct ladder_end *left, const struct ladder_end *right)
{
	static const char end[] = "</g>\n";
	static char text[LADDER_MAX];
	const struct ladder ladder = {.left = left, .right = right};
	unsigned int height = 0;
	size_t len = svg_ladder(&ladder, text, sizeof(text), &height);
	int open = 0;

	check(len > sizeof(end) && !memcmp(text + len - (sizeof(end) - 1), end, sizeof(end) - 1) && height);
	for (size_t i = 0; i < len; i++) {
		open += (text[i] == '<') - (text[i] == '>');
		check(open == 0 || open == 1);
		check(text[i] == '\n' || (unsigned char)text[i] >= ' ');
	}
	check(!open);
}

/* And in the other forms: lines without control characters. */
static void check_lines(const struct ladder_end *left, const struct ladder_end *right)
{
	static size_t (*const forms[])(const struct ladder *, char *, size_t) = {mermaid_ladder, sentences_ladder};
	static char text[LADDER_MAX];
	const struct ladder ladder = {.left = left, .right = right};

	for (size_t form = 0; form < sizeof(forms) / sizeof(forms[0]); form++) {
		size_t len = forms[form](&ladder, text, sizeof(text));

		check(len && text[len - 1] == '\n');
		for (size_t i = 0, used; i < len; i += used) {
			uint32_t code;

			used = utf8_decode(text + i, len - i, &code);
			check(used && (code == '\n' || !utf8_is_control(code)));
		}
	}
}

/* The same life from the other end: what came is what left. */
static void turn(struct ladder_end *end)
{
	for (unsigned int i = 0; i < end->rec.segments_len; i++)
		end->rec.segments[i].dir = !end->rec.segments[i].dir;
	end->start_us += 7;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct json_read line;
	static struct ladder_end other;
	char why[JSON_READ_WHY_LEN] = "";
	int kind = json_read_line((const char *)data, size, &line, why);

	check(kind >= 0 || why[0]);
	if (kind <= 0)
		return 0;
	other = line.end;
	turn(&other);
	check_ladder(&line.end, NULL, false);
	check_ladder(&line.end, NULL, true);
	check_ladder(&line.end, &other, false);
	check_ladder(&other, &line.end, true);
	check_svg(&line.end, NULL);
	check_svg(&line.end, &other);
	check_lines(&line.end, NULL);
	check_lines(&line.end, &other);
	return 0;
}
