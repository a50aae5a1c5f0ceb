// SPDX-License-Identifier: GPL-2.0-only
/* The connections that matter most: a table to sort and filter, and a ladder of each. */
#include "html_part.h"

#include <string.h>

#include "ladder.h"
#include "put.h"
#include "svg.h"

#define COMM_SHOWN 15
#define LADDER_FRAME 4096 /* around a ladder: its name and its hint, with markup escaped */

/* The list */

static void add(struct html_example *list, unsigned int *len, const struct report_example *e, enum report_why why)
{
	for (unsigned int i = 0; i < *len; i++) {
		if (report_example_same(&list[i].example->end, &e->end)) {
			list[i].why |= 1u << why;
			return;
		}
	}
	list[(*len)++] = (struct html_example){.example = e, .why = 1u << why};
}

/* By rank, the highest first. */
static void add_all(struct html_example *list, unsigned int *len, const struct report_examples *examples, enum report_why why)
{
	const struct report_example *sorted[REPORT_LONGEST];
	unsigned int count = 0;

	for (unsigned int i = 0; i < examples->len; i++) {
		unsigned int at = count++;

		for (; at && sorted[at - 1]->rank < examples->items[i].rank; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = &examples->items[i];
	}
	for (unsigned int i = 0; i < count; i++)
		add(list, len, sorted[i], why);
}

unsigned int html_list_examples(const struct report *r, struct html_example *ret)
{
	unsigned int len = 0;

	add_all(ret, &len, &r->leaking, REPORT_IS_LEAKING);
	for (unsigned int i = 0; i < REPORT_FAILED; i++) /* each way to fail before the second of any */
		for (unsigned int end = 0; end < CONN_END_MAX; end++)
			if (i < r->failed[end].len)
				add(ret, &len, &r->failed[end].items[i], REPORT_HAS_FAILED);
	add_all(ret, &len, &r->longest, REPORT_IS_LONGEST);
	return len;
}

/* Names */

static void put_process_name(struct buf *b, const struct conn_tuple *t)
{
	if (t->from == CONN_FROM_NONE) {
		buf_char(b, '-');
		return;
	}
	html_bytes(b, t->task.comm, strnlen(t->task.comm, COMM_SHOWN));
	put_text_uint(b, "[", t->task.tgid);
	buf_char(b, ']');
}

static void put_end(struct buf *b, const struct conn_tuple *t, bool local)
{
	if (t->id_known)
		put_endpoint(b, &t->id, local, '-');
	else
		buf_char(b, '-');
}

void html_example_name(struct buf *b, const struct report_example *e)
{
	const struct conn_tuple *t = &e->end.rec.t;

	put_process_name(b, t);
	buf_char(b, ' ');
	if (*e->holder) {
		html_text(b, e->holder);
		buf_str(b, ", ");
	}
	if (t->role == CONN_SERVER) {
		put_end(b, t, true);
		buf_str(b, " from ");
	} else {
		buf_str(b, "to ");
	}
	put_end(b, t, false);
}

/* Rows */

static void put_whys(struct buf *b, uint32_t why)
{
	buf_str(b, "<td>");
	buf_str(b, why & 1u << REPORT_IS_LEAKING ? "leaking " : "");
	buf_str(b, why & 1u << REPORT_HAS_FAILED ? "failed " : "");
	buf_str(b, why & 1u << REPORT_IS_LONGEST ? "longest" : "");
	buf_str(b, "</td>");
}

static void put_states(struct buf *b, const struct conn_record *c)
{
	buf_str(b, "<td class=\"wide\">");
	for (unsigned int i = 0; i < c->timeline_len; i++) {
		buf_str(b, i ? " " : "");
		buf_str(b, conn_state_name(c->timeline[i].state) ?: "-");
	}
	buf_str(b, "</td>");
}

static void put_start(struct buf *b, const struct ladder_end *end)
{
	put_text_uint(b, "<td class=\"n\" data-v=\"", end->start_us > 0 ? (uint64_t)end->start_us : 0);
	buf_str(b, end->rec.start_known ? "\">" : "\">≤ ");
	html_time(b, end->start_us);
	buf_str(b, "</td>");
}

static void put_lived(struct buf *b, const struct conn_record *c)
{
	uint64_t us = (c->end_ns - c->start_ns) / 1000;

	put_text_uint(b, "<td class=\"n\" data-v=\"", us);
	put_text_duration(b, c->duration_known ? "\">" : "\">≥ ", us);
	buf_str(b, "</td>");
}

static void put_id(struct buf *b, const struct ladder_end *end)
{
	html_text(b, end->boot);
	buf_char(b, '.');
	put_hex(b, end->rec.t.cookie);
}

static void put_tuple(struct buf *b, const struct conn_tuple *t)
{
	buf_str(b, "<td><bdi>");
	put_process_name(b, t);
	buf_str(b, "</bdi></td><td>");
	put_end(b, t, true);
	buf_str(b, "</td><td>");
	put_end(b, t, false);
	buf_str(b, "</td>");
	html_cell_text(b, conn_role_name(t->role) ?: "-");
}

static void put_row(struct buf *b, const struct report *r, const struct html_example *item, unsigned int number)
{
	const struct report_example *e = item->example;
	const struct conn_record *c = &e->end.rec;
	const struct conn_retransmits *again = &c->retransmits;

	put_text_uint(b, "<tr data-number=\"", number);
	put_text_uint(b, "\"><td><a href=\"#ladder-", number);
	put_text_uint(b, "\" data-open=\"", number);
	buf_str(b, "\">");
	put_id(b, &e->end);
	buf_str(b, "</a></td>");
	put_whys(b, item->why);
	if (r->hosts.len > 1)
		html_cell_text(b, e->host);
	put_tuple(b, &c->t);
	html_cell_text(b, e->final ? conn_end_name(c->end) ?: "-" : *e->cause ? e->cause : "open");
	put_start(b, &e->end);
	put_lived(b, c);
	html_cell_us(b, c->handshake_us, c->handshake_known);
	html_cell_text(b, conn_side_name(c->closed_by) ?: "-");
	html_cell_count(b, again->syn + again->synack + again->data + again->fin);
	html_cell_count(b, c->payload_acked);
	html_cell_count(b, c->payload_received);
	put_states(b, c);
	html_cell_text(b, e->cgroup);
	buf_str(b, "</tr>\n");
}

static void put_table(struct buf *b, const struct report *r, const struct html_example *list, unsigned int len)
{
	static const char *const with_host[] = {"Id",        "Why",    "Host",      "Process", "Local",      "Peer",
						"Role",      "End",    "#Start",    "#Lived",  "#Handshake", "Closed by",
						"#Repeated", "#Acked", "#Received", "States",  "Cgroup",     NULL};
	const char *columns[sizeof(with_host) / sizeof(with_host[0])];
	unsigned int column = 0;

	for (unsigned int i = 0; i < sizeof(with_host) / sizeof(with_host[0]); i++)
		if (i != 2 || r->hosts.len > 1)
			columns[column++] = with_host[i];
	html_table_begin(b, "connections-table", "Connections that matter most", columns);
	for (unsigned int i = 0; i < len; i++)
		put_row(b, r, &list[i], i);
	html_table_end(b);
}

/* The other end of the same connection, if that is on this host, too, and an example. */
static bool is_other_end(const struct ladder_end *a, const struct ladder_end *b)
{
	const struct wire_ident *x = &a->rec.t.id, *y = &b->rec.t.id;

	return a != b && a->rec.t.id_known && b->rec.t.id_known && !strcmp(a->boot, b->boot) && a->rec.isn_local_known &&
	       b->rec.isn_peer_known && a->rec.isn_local == b->rec.isn_peer && x->local_port == y->peer_port &&
	       x->peer_port == y->local_port && !memcmp(x->local_addr, y->peer_addr, sizeof(x->local_addr)) &&
	       !memcmp(x->peer_addr, y->local_addr, sizeof(x->peer_addr));
}

struct ladder_picture {
	char svg[LADDER_MAX];
	size_t len;
	unsigned int height;
};

/* Who opened stands at the left. */
static struct ladder make_ladder(const struct html_example *list, unsigned int len, const struct report_example *e)
{
	struct ladder ladder = {.left = &e->end};

	for (unsigned int i = 0; i < len && !ladder.right; i++)
		if (is_other_end(&e->end, &list[i].example->end))
			ladder.right = &list[i].example->end;
	if (ladder.right && ladder.right->rec.t.role == CONN_CLIENT && e->end.rec.t.role != CONN_CLIENT) {
		ladder.left = ladder.right;
		ladder.right = &e->end;
	}
	return ladder;
}

static void put_ladder(struct buf *b, const struct report_example *e, unsigned int number, const struct ladder_picture *picture)
{
	put_text_uint(b, "<details class=\"ladder\" id=\"ladder-", number);
	buf_str(b, "\"><summary><bdi>");
	html_example_name(b, e);
	buf_str(b, "</bdi></summary>");
	if (*e->hint) {
		buf_str(b, "<p>");
		html_text(b, e->hint);
		buf_str(b, "</p>");
	}
	put_text_uint(b, "<div class=\"scroll\" tabindex=\"0\"><svg viewBox=\"0 0 ", SVG_WIDTH);
	put_text_uint(b, " ", picture->height);
	buf_str(b, "\">");
	buf_put(b, picture->svg, picture->len);
	buf_str(b, "</svg></div></details>\n");
}

/* From the first one, as long as there is room: how many are drawn. */
static unsigned int put_ladders(struct buf *b, const struct html_example *list, unsigned int len)
{
	struct ladder_picture picture;
	unsigned int number = 0;

	for (; number < len; number++) {
		const struct ladder ladder = make_ladder(list, len, list[number].example);

		picture.len = svg_ladder(&ladder, picture.svg, sizeof(picture.svg), &picture.height);
		if ((size_t)(b->end - b->p) < picture.len + LADDER_FRAME)
			break;
		put_ladder(b, list[number].example, number, &picture);
	}
	return number;
}

void html_examples(struct buf *b, const struct report *r)
{
	struct html_example list[HTML_EXAMPLES_MAX];
	unsigned int len = html_list_examples(r, list), drawn;

	html_section(b, "examples", "Connections", NULL);
	put_text_uint(b, "<p class=\"note\"><span id=\"shown\" data-of=\"", len);
	buf_str(b, "\">");
	html_count(b, len);
	buf_str(b, "</span> of ");
	html_count(b, r->cover.kinds[RECORD_CONNECTION] + r->leaking.len);
	buf_str(b, " connections: the longest, the leaking, and a sample of each way to fail. An id opens the ladder.</p>\n"
		   "<div class=\"tools scripted\"><label>Filter <input id=\"filter\" type=\"search\" size=\"40\" "
		   "placeholder=\"curl end:timeout peer:10.0.\"></label>"
		   "<button type=\"button\" id=\"csv\">Copy as CSV</button><span id=\"said\" role=\"status\"></span></div>\n");
	put_table(b, r, list, len);
	buf_str(b, "<div id=\"ladders\">\n");
	drawn = put_ladders(b, list, len);
	buf_str(b, "</div>\n");
	if (drawn < len) {
		buf_str(b, "<p class=\"note\">");
		html_plural(b, len - drawn, "connection");
		buf_str(b, " have no ladder here, since a page has at most 2 MB.</p>\n");
	}
	html_section_end(b);
}
