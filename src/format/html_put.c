// SPDX-License-Identifier: GPL-2.0-only
#include "html_put.h"

#include <stdio.h>
#include <string.h>

#include "fmt.h"
#include "put.h"
#include "utf8.h"

static void put_char(struct buf *b, const char *text, size_t len)
{
	switch (*text) {
	case '&':
		buf_str(b, "&amp;");
		break;
	case '<':
		buf_str(b, "&lt;");
		break;
	case '>':
		buf_str(b, "&gt;");
		break;
	case '"':
		buf_str(b, "&quot;");
		break;
	case '\'':
		buf_str(b, "&#39;");
		break;
	default:
		buf_put(b, text, len);
	}
}

void html_bytes(struct buf *b, const char *text, size_t len)
{
	char escape[16];
	uint32_t code;
	size_t step;

	for (; len; text += step, len -= step) {
		step = utf8_decode(text, len, &code);
		if (step && !utf8_is_control(code)) {
			put_char(b, text, step);
			continue;
		}
		snprintf(escape, sizeof(escape), step && code > 0x7f ? "\\u{%x}" : "\\x%02x",
			 step ? code : (uint32_t)(uint8_t)*text);
		buf_str(b, escape);
		step = step ?: 1;
	}
}

void html_text(struct buf *b, const char *text)
{
	html_bytes(b, text, strlen(text));
}

void html_count(struct buf *b, uint64_t count)
{
	char digits[FMT_UINT_MAX];
	size_t len = (size_t)(fmt_uint(digits, count) - digits);

	for (size_t i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf_char(b, ',');
		buf_char(b, digits[i]);
	}
}

static void put_printed(struct buf *b, const char *format, double value)
{
	char text[48];

	snprintf(text, sizeof(text), format, value);
	buf_str(b, text);
}

void html_percent(struct buf *b, uint64_t part, uint64_t of)
{
	put_printed(b, "%.1f %%", of ? 100.0 * (double)part / (double)of : 0);
}

void html_fixed(struct buf *b, double value)
{
	put_printed(b, value < 10 ? "%.2f" : "%.1f", value);
}

void html_coordinate(struct buf *b, double value)
{
	put_printed(b, "%.1f", value);
}

void html_time(struct buf *b, int64_t us)
{
	char text[FMT_TIME_LEN];

	fmt_time(text, (us < INT64_MAX / 1000 ? us : INT64_MAX / 1000) * 1000);
	buf_put(b, text, 10);
	buf_char(b, ' ');
	buf_put(b, text + 11, 8);
	buf_char(b, 'Z');
}

void html_plural(struct buf *b, uint64_t count, const char *one)
{
	html_count(b, count);
	buf_char(b, ' ');
	buf_str(b, one);
	buf_str(b, count == 1 ? "" : "s");
}

void html_cell_text(struct buf *b, const char *text)
{
	buf_str(b, "<td><bdi>");
	html_text(b, *text ? text : "-");
	buf_str(b, "</bdi></td>");
}

void html_cell_count(struct buf *b, uint64_t count)
{
	put_text_uint(b, "<td class=\"n\" data-v=\"", count);
	buf_str(b, "\">");
	html_count(b, count);
	buf_str(b, "</td>");
}

void html_cell_us(struct buf *b, uint64_t us, int known)
{
	if (!known) {
		buf_str(b, "<td class=\"n\" data-v=\"-1\">-</td>");
		return;
	}
	put_text_uint(b, "<td class=\"n\" data-v=\"", us);
	put_text_duration(b, "\">", us);
	buf_str(b, "</td>");
}

void html_table_begin(struct buf *b, const char *id, const char *caption, const char *const *columns)
{
	buf_str(b, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"");
	buf_str(b, caption);
	buf_str(b, "\"><table id=\"");
	buf_str(b, id);
	buf_str(b, "\"><caption>");
	buf_str(b, caption);
	buf_str(b, "</caption><thead><tr>");
	for (; *columns; columns++) {
		buf_str(b, **columns == '#' ? "<th scope=\"col\" class=\"n\">" : "<th scope=\"col\">");
		buf_str(b, *columns + (**columns == '#'));
		buf_str(b, "</th>");
	}
	buf_str(b, "</tr></thead><tbody>\n");
}

void html_table_end(struct buf *b)
{
	buf_str(b, "</tbody></table></div>\n");
}

void html_table_end_if(struct buf *b, char *begin, const char *rows)
{
	if (b->p == rows)
		b->p = begin;
	else
		html_table_end(b);
}

void html_section(struct buf *b, const char *id, const char *title, const char *note)
{
	buf_str(b, "<section id=\"");
	buf_str(b, id);
	buf_str(b, "\"><h2>");
	buf_str(b, title);
	buf_str(b, "</h2>\n");
	if (!note)
		return;
	buf_str(b, "<p class=\"note\">");
	buf_str(b, note);
	buf_str(b, "</p>\n");
}

void html_section_end(struct buf *b)
{
	buf_str(b, "</section>\n");
}
