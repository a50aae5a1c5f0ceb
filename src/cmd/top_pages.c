// SPDX-License-Identifier: GPL-2.0-only
#include "src/format/finding_text.h"
#include "src/format/put.h"
#include "src/pipeline/live.h"
#include "top_run.h"

#include <string.h>

#define MORE_MAX 8192 /* bytes of all about a leak or a finding */

static struct page_text text_of(const struct buf *b)
{
	return (struct page_text){b->start, (size_t)(b->p - b->start)};
}

/* Of a row: what is searched has all columns, also those that do not fit. */
static struct top_style whole_of(const struct top_style *style)
{
	struct top_style whole = *style;

	whole.width = SIZE_MAX;
	return whole;
}

static bool is_searched(const struct page *page)
{
	return *page->filter || *page->search;
}

static void fill_processes(struct top_run *t, const struct top_style *style)
{
	const struct top_style all = whole_of(style);
	uint32_t len = top_order(&t->top, t->sort, t->reverse);
	char row[TOP_TEXT_MAX], whole[TOP_TEXT_MAX];
	struct record_owner owner;
	struct buf b, w;

	for (uint32_t i = 0; i < len; i++) {
		const struct top_process *p = t->top.order[i];

		pipeline_describe(live_pipeline(t->run.live), &p->t, &owner);
		buf_init(&b, row, sizeof(row));
		buf_init(&w, whole, sizeof(whole));
		top_text_process(&b, p, &owner, style);
		if (is_searched(top_page(t)))
			top_text_process(&w, p, &owner, &all);
		page_add(top_page(t), p->digest, text_of(&b), text_of(&w));
	}
}

static void fill_conns(struct top_run *t, const struct top_style *style)
{
	char row[TOP_TEXT_MAX];
	struct buf b;

	for (size_t i = 0; i < t->conns_len; i++) {
		buf_init(&b, row, sizeof(row));
		top_text_conn(&b, &t->conns[i], t->looked_ns, style);
		page_add(top_page(t), t->conns[i].t.cookie, text_of(&b), text_of(&b));
	}
}

static uint64_t leak_number(const struct top_leak *leak)
{
	return leak->alert.id * 2 + leak->alert.is_group;
}

static void fill_leaks(struct top_run *t, const struct top_style *style)
{
	char row[TOP_TEXT_MAX];
	struct buf b;

	top_leaks_sort(&t->leaks);
	for (size_t i = 0; i < t->leaks.len; i++) {
		buf_init(&b, row, sizeof(row));
		top_text_leak(&b, &t->leaks.items[i], t->looked_ns, style);
		page_add(top_page(t), leak_number(&t->leaks.items[i]), text_of(&b), text_of(&b));
	}
}

static void fill_findings(struct top_run *t, const struct top_style *style)
{
	char row[TOP_TEXT_MAX];
	struct buf b;

	findings_kept_sort(&t->findings);
	for (size_t i = 0; i < t->findings.len; i++) {
		buf_init(&b, row, sizeof(row));
		top_text_finding(&b, &t->findings.items[i].finding, t->looked_ns, style);
		page_add(top_page(t), t->findings.items[i].finding.number, text_of(&b), text_of(&b));
	}
}

/* What was chosen in the list; it may be over by now. */

static void put_leak(struct top_run *t, struct buf *b)
{
	struct record_owner owner;

	for (size_t i = 0; i < t->leaks.len; i++) {
		const struct top_leak *leak = &t->leaks.items[i];

		if (leak_number(leak) != t->pages[TOP_LEAKS].selected)
			continue;
		pipeline_describe(live_pipeline(t->run.live), &leak->socket.t, &owner);
		top_text_leak_more(b, leak, &owner, t->head.foreign_pids);
		return;
	}
	buf_str(b, "This leak is over: the socket is closed.\n");
}

static void put_finding(struct top_run *t, struct buf *b)
{
	for (size_t i = 0; i < t->findings.len; i++) {
		const struct kept_finding *kept = &t->findings.items[i];

		if (kept->finding.number != t->pages[TOP_FINDINGS].selected)
			continue;
		finding_text(b, &kept->finding, &kept->owner, t->head.foreign_pids);
		return;
	}
	buf_str(b, "This finding is over.\n");
}

/* Why there is no row. */
static void put_nothing(struct top_run *t, struct buf *b)
{
	struct live_reach reach;

	if (t->view == TOP_PROCESSES)
		buf_str(b, "There is no connection, and nobody listens.\n");
	else if (t->view == TOP_CONNECTIONS)
		buf_str(b, "This process has no connection now.\n");
	if (t->view != TOP_LEAKS && t->view != TOP_FINDINGS)
		return;
	if (t->view == TOP_FINDINGS)
		buf_str(b, "Nothing is found wrong so far. Counts are judged over 10 s.\n");
	else
		put_text_duration(b, "No socket has been in CLOSE_WAIT for more than ", t->options->threshold_ns / 1000);
	buf_str(b, t->view == TOP_LEAKS ? ".\n" : "");
	live_reach(t->run.live, &reach);
	if (reach.leak_scans_failed) {
		buf_str(b, "Not all sockets were looked at: ");
		put_safe(b, reach.leak_scans_failed, strlen(reach.leak_scans_failed), SIZE_MAX, true);
		buf_char(b, '\n');
	}
}

static void put_text(struct top_run *t, struct buf *b)
{
	if (t->view == TOP_LEAK)
		put_leak(t, b);
	else if (t->view == TOP_FINDING)
		put_finding(t, b);
	else if (t->view == TOP_HELP)
		buf_str(b, top_text_help);
	else if (t->view == TOP_LADDER)
		buf_str(b, "This connection has ended.\n");
	else
		put_nothing(t, b);
}

bool top_page_fill(struct top_run *t, const struct top_style *style)
{
	struct page *page = top_page(t);
	char text[MORE_MAX];
	struct buf b;
	bool is_list;

	page_begin(page);
	if (t->view == TOP_PROCESSES)
		fill_processes(t, style);
	else if (t->view == TOP_CONNECTIONS)
		fill_conns(t, style);
	else if (t->view == TOP_LEAKS)
		fill_leaks(t, style);
	else if (t->view == TOP_FINDINGS)
		fill_findings(t, style);
	is_list = page->rows_len || page->hidden;
	buf_init(&b, text, sizeof(text));
	if (t->view == TOP_LADDER && t->ladder_len)
		page_add_lines(page, (struct page_text){t->ladder, t->ladder_len}, 0);
	else if (!is_list)
		put_text(t, &b);
	page_add_lines(page, text_of(&b), style->width);
	page_end(page);
	return is_list;
}

struct page_text top_page_titles(const struct top_run *t, const struct top_style *style, struct buf *b)
{
	if (t->view == TOP_PROCESSES)
		top_text_titles(b, style);
	else if (t->view == TOP_CONNECTIONS)
		buf_str(b, top_text_conn_titles);
	else if (t->view == TOP_LEAKS)
		buf_str(b, top_text_leak_titles);
	else if (t->view == TOP_FINDINGS)
		buf_str(b, top_text_finding_titles);
	return text_of(b);
}
