// SPDX-License-Identifier: GPL-2.0-only
#include "html.h"

#include "html_part.h"
#include "put.h"

/*
 * Nothing may be loaded, and no style or script runs but the two below, whatever a name in the data looks like. The style
 * hides what only the script makes useful.
 */
static void put_policy(struct buf *b, const struct html_parts *parts)
{
	buf_str(b, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; base-uri 'none'; form-action "
		   "'none'; "
		   "style-src 'sha256-");
	buf_str(b, parts->style_sha256);
	buf_str(b, "'; script-src 'sha256-");
	buf_str(b, parts->script_sha256);
	buf_str(b, "'\">\n");
}

static void put_top(struct buf *b, const struct html_parts *parts)
{
	buf_str(b, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n");
	put_policy(b, parts);
	buf_str(b, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		   "<meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"generator\" content=\"tcplife-fsm ");
	html_text(b, parts->version);
	buf_str(b, "\">\n<title>TCP connections</title>\n<style>");
	buf_put(b, parts->style, parts->style_len);
	buf_str(b, "</style></head>\n<body>\n");
}

static void put_end(struct buf *b, const struct html_parts *parts)
{
	buf_str(b, "</main>\n<footer><p>Made by tcplife-fsm ");
	html_text(b, parts->version);
	buf_str(b, ". Times of day are UTC. Medians and percentiles are at most 6 % off.</p></footer>\n<script>");
	buf_put(b, parts->script, parts->script_len);
	buf_str(b, "</script>\n</body></html>\n");
}

size_t html_report(const struct report *r, const struct html_parts *parts, char *buf, size_t size)
{
	const size_t end_room = parts->script_len + 4096;
	struct buf b;

	buf_init(&b, buf, size - end_room);
	put_top(&b, parts);
	html_head(&b, r);
	html_findings(&b, r);
	html_cover(&b, r);
	html_diagram(&b, r);
	html_close_wait(&b, r);
	html_time_wait(&b, r);
	html_handshakes(&b, r);
	html_failures(&b, r);
	html_hosts(&b, r);
	html_lanes(&b, r);
	html_examples(&b, r);
	b.end = b.start + size;
	put_end(&b, parts);
	return (size_t)(b.p - b.start);
}
