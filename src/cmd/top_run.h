/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of `top` share: what is known of the host, and what of it is looked at. */
#pragma once

#include "findings_kept.h"
#include "run.h"
#include "src/core/top.h"
#include "src/core/top_leaks.h"
#include "src/format/ladder.h"
#include "src/format/page.h"
#include "src/format/top_text.h"

struct screen;

enum top_view {
	TOP_PROCESSES,
	TOP_CONNECTIONS, /* of a process */
	TOP_LADDER,      /* of one of them */
	TOP_LEAKS,
	TOP_LEAK,
	TOP_FINDINGS,
	TOP_FINDING,
	TOP_HELP,
	TOP_VIEWS
};

/* What is typed after a key that asks for a word. */
enum top_prompt { TOP_PROMPT_NONE, TOP_PROMPT_SEARCH, TOP_PROMPT_FILTER };

#define TOP_CONNS_MAX 10000u

struct top_run {
	const struct options *options;
	struct run_consumer run;
	struct screen *screen;                /* NULL: plain lines */
	const struct record_context *context; /* NULL until the first tick */
	bool ascii, failed;                   /* failed: no memory */

	/* What is known. */
	struct top top;
	struct top_head head;
	struct top_leaks leaks;
	struct findings_kept findings;
	uint64_t looks, looked_ns, next_ns, opened;

	/* What is looked at. */
	enum top_view view, help_from;
	struct page pages[TOP_VIEWS];
	enum top_sort sort;
	bool reverse, owners_first, paused, not_found; /* not_found: by the last search */
	enum top_prompt prompt;
	char word[PAGE_WORD_MAX];
	size_t page_rows;     /* of the page that has room */
	size_t width, height; /* of the screen */

	/* Of TOP_CONNECTIONS and TOP_LADDER. */
	struct conn_tuple process;
	struct open_conn *conns;
	size_t conns_len;
	uint64_t conns_left_out, cookie;
	bool ladder_over; /* it has ended: its ladder is the last that was drawn */
	char ladder[LADDER_MAX];
	size_t ladder_len;
};

static inline struct page *top_page(struct top_run *t)
{
	return &t->pages[t->view];
}

/* top_look.c: counts all connections again; the caller sets next_ns. */
int top_look_init(struct top_run *t);
void top_look(struct top_run *t, uint64_t now);
bool top_selects(struct top_run *t, const struct open_conn *conn); /* by the options and the filter */
void top_look_free(struct top_run *t);

/* top_conns.c: of the process that is looked at, and the ladder of t->cookie. */
void top_conns_fill(struct top_run *t);
void top_ladder_fill(struct top_run *t, uint64_t now);

/* top_pages.c: the rows of the view. True: it is a list, whose rows can be chosen; else a text. */
bool top_page_fill(struct top_run *t, const struct top_style *style);
struct page_text top_page_titles(const struct top_run *t, const struct top_style *style, struct buf *b);

/* top_draw.c */
void top_draw(struct top_run *t);  /* on the screen */
void top_print(struct top_run *t); /* as plain lines, with all rows */

/* top_keys.c: what the user presses. False: quit. */
bool top_key(struct top_run *t, int key);
