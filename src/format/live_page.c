// SPDX-License-Identifier: GPL-2.0-only
/* The live page: the report's parts without a number in them. */
#include "html_part.h"
#include "live.h"

#include <stdio.h>

#include "put.h"

static const struct {
	const char *id, *what;
} tiles[] = {
	{"now", "connections now"},
	{"opened", "opened per second"},
	{"closed", "ended per second"},
	{"failed", "failed or forced since the start"},
	{"leaking", "sockets leak in CLOSE_WAIT"},
	{"standing", "findings"},
	{"lost", "lost: events, records"},
};

static void put_policy(const struct html_parts *parts, char *buf, size_t size)
{
	snprintf(buf, size,
		 "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; connect-src 'self'; img-src "
		 "data:; "
		 "style-src 'sha256-%s'; script-src 'sha256-%s'",
		 parts->style_sha256, parts->script_sha256);
}

static void put_top(struct buf *b, const struct html_parts *parts)
{
	buf_str(b, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
		   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		   "<meta name=\"referrer\" content=\"no-referrer\">\n<link rel=\"icon\" href=\"data:,\">\n"
		   "<title>TCP connections now</title>\n<style>");
	buf_put(b, parts->style, parts->style_len);
	buf_str(b, "</style></head>\n<body>\n<header><h1>TCP connections of <bdi id=\"host\">this host</bdi>, now</h1>\n"
		   "<p class=\"period\" id=\"period\">All connections count, whatever is selected or sampled.</p>\n"
		   "<p class=\"tools scripted\"><button type=\"button\" id=\"pause\">Pause</button> "
		   "<span id=\"state\" role=\"status\">connecting</span></p>\n"
		   "<noscript><p>This page needs its script, which asks for the numbers.</p></noscript>\n"
		   "<nav aria-label=\"Parts of the page\"><a href=\"#states\">States</a><a href=\"#leaks\">Leaks</a>"
		   "<a href=\"#findings\">Findings</a><a href=\"#connections\">Connections</a></nav></header>\n<main>\n");
}

static void put_tiles(struct buf *b)
{
	buf_str(b, "<dl class=\"tiles\">\n");
	for (size_t i = 0; i < sizeof(tiles) / sizeof(tiles[0]); i++) {
		buf_str(b, "<div class=\"tile\" id=\"tile-");
		buf_str(b, tiles[i].id);
		buf_str(b, "\"><dt>");
		buf_str(b, tiles[i].what);
		buf_str(b, "</dt><dd>-</dd></div>\n");
	}
	buf_str(b, "</dl>\n");
}

/* An arrow for each end by force that there can be; the script hides those without a number. */
static void put_diagram(struct buf *b, struct report *blank)
{
	for (unsigned int state = 0; state < WIRE_STATE_MAX; state++)
		blank->travelled.forced[state][CONN_END_TIMEOUT] = 1;
	html_diagram(b, blank);
}

static void put_table(struct buf *b, const char *id, const char *caption, const char *const *columns)
{
	html_table_begin(b, id, caption, columns);
	html_table_end(b);
}

static void put_lists(struct buf *b)
{
	static const char *const leaks[] = {"Process", "#Sockets", "#Age", "Cause", "Local", "Peer", NULL};
	static const char *const conns[] = {"State or end", "#Since", "#Lived", "Process", "Local", "Peer", NULL};

	html_section(b, "leaks", "Leaks",
		     "Sockets in CLOSE_WAIT for longer than the threshold: the peer has closed, and the "
		     "process has not. The most first.");
	buf_str(b, "<p id=\"leaks-note\">None.</p>\n");
	put_table(b, "leaks-table", "Leaks", leaks);
	html_section_end(b);
	html_section(b, "findings", "Findings", NULL);
	buf_str(b, "<p id=\"findings-note\">None.</p>\n<div id=\"findings-list\"></div>\n");
	html_section_end(b);
	html_section(b, "connections", "Recent connections",
		     "Those that entered their state last, and those that ended while this page was open.");
	put_table(b, "recent-table", "Recent connections", conns);
	html_section_end(b);
}

void live_page(const struct html_parts *parts, struct report *blank, struct live_html *ret)
{
	struct buf b;

	put_policy(parts, ret->policy, sizeof(ret->policy));
	buf_init(&b, ret->text, sizeof(ret->text));
	put_top(&b, parts);
	put_tiles(&b);
	put_diagram(&b, blank);
	put_lists(&b);
	buf_str(&b, "</main>\n<footer><p>Made by tcplife-fsm ");
	html_text(&b, parts->version);
	buf_str(&b, ". Times of day are UTC. What you see is sent to this page alone, once a second, while it is in front."
		    "</p></footer>\n<script>");
	buf_put(&b, parts->script, parts->script_len);
	buf_str(&b, "</script>\n</body></html>\n");
	ret->len = (size_t)(b.p - b.start);
}
