// SPDX-License-Identifier: GPL-2.0-only
#include "src/host/clock.h"
#include "src/host/screen.h"
#include "top_run.h"

#include <string.h>
#include <wchar.h>

static void show(struct top_run *t, enum top_view view)
{
	t->view = view;
	t->not_found = false;
}

/* Another page than the one that was there before in this view. */
static void open_page(struct top_run *t, enum top_view view)
{
	page_reset(&t->pages[view]);
	show(t, view);
}

static void open_connections(struct top_run *t)
{
	for (uint32_t id = 1; id < t->top.processes.used; id++) {
		const struct top_process *p = pool_at(&t->top.processes, id);

		if (!p->digest || p->digest != top_page(t)->selected)
			continue;
		t->process = p->t;
		open_page(t, TOP_CONNECTIONS);
		top_conns_fill(t);
		return;
	}
}

static void open_ladder(struct top_run *t)
{
	t->cookie = top_page(t)->selected;
	t->ladder_len = 0;
	open_page(t, TOP_LADDER);
	top_ladder_fill(t, clock_now_ns());
}

static void go_in(struct top_run *t)
{
	if (!top_page(t)->rows_len)
		return;
	if (t->view == TOP_PROCESSES)
		open_connections(t);
	else if (t->view == TOP_CONNECTIONS && t->conns_len)
		open_ladder(t);
	else if (t->view == TOP_LEAKS && t->leaks.len)
		open_page(t, TOP_LEAK);
	else if (t->view == TOP_FINDINGS && t->findings.len)
		open_page(t, TOP_FINDING);
}

static void go_back(struct top_run *t)
{
	static const enum top_view above[TOP_VIEWS] = {
		[TOP_LADDER] = TOP_CONNECTIONS, [TOP_LEAK] = TOP_LEAKS, [TOP_FINDING] = TOP_FINDINGS};

	show(t, t->view == TOP_HELP ? t->help_from : above[t->view]);
}

static void open_help(struct top_run *t)
{
	if (t->view != TOP_HELP)
		t->help_from = t->view;
	open_page(t, TOP_HELP);
}

static void sort_by(struct top_run *t, enum top_sort sort)
{
	if (t->view != TOP_PROCESSES)
		return;
	t->sort = sort;
	t->reverse = false;
	page_home(top_page(t));
}

/* In the order of the columns. */
static void sort_beside(struct top_run *t, int by)
{
	static const uint8_t order[TOP_SORTS] = {TOP_BY_PID,
						 TOP_BY_NAME,
						 TOP_BY_TOTAL,
						 TOP_BY_GROUP + TOP_SYN,
						 TOP_BY_GROUP + TOP_ESTABLISHED,
						 TOP_BY_GROUP + TOP_FIN,
						 TOP_BY_GROUP + TOP_CLOSE_WAIT,
						 TOP_BY_GROUP + TOP_TIME_WAIT,
						 TOP_BY_GROUP + TOP_LISTEN,
						 TOP_BY_CHANGE};
	int at = 0;

	while (order[at] != t->sort)
		at++;
	sort_by(t, order[(at + by + TOP_SORTS) % TOP_SORTS]);
}

/* Words */

static void begin_prompt(struct top_run *t, enum top_prompt prompt)
{
	t->prompt = prompt;
	t->word[0] = '\0';
}

/* What is searched for is marked when the page is filled, so the search follows that. */
static void take_word(struct top_run *t)
{
	struct page *page = top_page(t);

	if (t->prompt == TOP_PROMPT_FILTER) {
		memcpy(page->filter, t->word, sizeof(page->filter));
	} else {
		memcpy(page->search, t->word, sizeof(page->search));
		top_draw(t);
		t->not_found = *page->search && !page_search(page);
	}
	t->prompt = TOP_PROMPT_NONE;
}

/* The last character, which may have several bytes. */
static void shorten(char *word)
{
	size_t len = strlen(word);

	while (len && ((unsigned char)word[len - 1] & 0xc0) == 0x80)
		len--;
	word[len ? len - 1 : 0] = '\0';
}

static void lengthen(char *word, int key)
{
	mbstate_t state = {0};
	char bytes[16]; /* more than any character has */
	size_t len = strlen(word), more = key >= ' ' && key < SCREEN_UP ? wcrtomb(bytes, (wchar_t)key, &state) : 0;

	if (more == (size_t)-1 || len + more >= PAGE_WORD_MAX)
		return;
	memcpy(word + len, bytes, more);
	word[len + more] = '\0';
}

static void prompt_key(struct top_run *t, int key)
{
	if (key == SCREEN_ENTER)
		take_word(t);
	else if (key == SCREEN_ESCAPE)
		t->prompt = TOP_PROMPT_NONE;
	else if (key == SCREEN_BACKSPACE)
		shorten(t->word);
	else
		lengthen(t->word, key);
}

/* Keys. False: it is none of these. */
static bool move_key(struct top_run *t, int key)
{
	struct page *page = top_page(t);
	long rows = t->page_rows > 1 ? (long)t->page_rows - 1 : 1;

	switch (key) {
	case 'k':
	case SCREEN_UP:
		page_move(page, -1);
		return true;
	case 'j':
	case SCREEN_DOWN:
		page_move(page, 1);
		return true;
	case SCREEN_PAGE_UP:
		page_move(page, -rows);
		return true;
	case SCREEN_PAGE_DOWN:
		page_move(page, rows);
		return true;
	case 'g':
	case SCREEN_HOME:
		page_home(page);
		return true;
	case 'G':
	case SCREEN_END:
		page_move(page, (long)page->rows_len);
		return true;
	default:
		return false;
	}
}

static bool sort_key(struct top_run *t, int key)
{
	switch (key) {
	case '<':
		sort_beside(t, -1);
		return true;
	case '>':
		sort_beside(t, 1);
		return true;
	case 'P':
		sort_by(t, TOP_BY_PID);
		return true;
	case 'N':
		sort_by(t, TOP_BY_NAME);
		return true;
	case 'T':
		sort_by(t, TOP_BY_TOTAL);
		return true;
	case 'L':
		sort_by(t, TOP_BY_GROUP + TOP_LISTEN);
		return true;
	case 'C':
		sort_by(t, TOP_BY_CHANGE);
		return true;
	case 'r':
		t->reverse ^= t->view == TOP_PROCESSES;
		return true;
	default:
		return false;
	}
}

static bool view_key(struct top_run *t, int key)
{
	switch (key) {
	case SCREEN_ENTER:
		go_in(t);
		return true;
	case SCREEN_ESCAPE:
	case SCREEN_BACKSPACE:
		go_back(t);
		return true;
	case 'l':
		show(t, TOP_LEAKS);
		return true;
	case 'd':
		show(t, TOP_FINDINGS);
		return true;
	case 'p':
		show(t, TOP_PROCESSES);
		return true;
	case '?':
	case 'h':
		open_help(t);
		return true;
	default:
		return false;
	}
}

bool top_key(struct top_run *t, int key)
{
	if (t->prompt != TOP_PROMPT_NONE) {
		prompt_key(t, key);
		return true;
	}
	if (move_key(t, key) || sort_key(t, key) || view_key(t, key))
		return true;
	if (key == '/')
		begin_prompt(t, TOP_PROMPT_SEARCH);
	else if (key == '\\')
		begin_prompt(t, TOP_PROMPT_FILTER);
	else if (key == 'n')
		t->not_found = !page_search(top_page(t));
	else if (key == 'c')
		t->owners_first = !t->owners_first;
	else if (key == ' ')
		t->paused = !t->paused;
	return key != 'q';
}
