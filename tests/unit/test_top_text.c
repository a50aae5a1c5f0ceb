// SPDX-License-Identifier: GPL-2.0-only
/* The lines of `top`, without a terminal: at 80, 200 and 40 columns, with wide characters and hostile names. */
#include "sample.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "src/core/top_leaks.h"
#include "src/format/columns.h"
#include "src/format/picture.h"
#include "src/format/top_text.h"

static char text[TOP_HEAD_MAX];

static struct buf empty(void)
{
	struct buf b;

	memset(text, 0, sizeof(text));
	buf_init(&b, text, sizeof(text) - 1);
	return b;
}

static struct top_style style_of(size_t width)
{
	return (struct top_style){.width = width, .changes = true};
}

static struct top_process process_of(const char *name)
{
	struct top_process p = {
		.netns = 4026531840,
		.t = {.from = CONN_FROM_ACCEPT, .task = {.tgid = 4242}},
		.now = {1, 1234, 0, 12345, 7, 3},
		.before = {0, 1300, 0, 12, 7, 2},
	};

	memcpy(p.t.task.comm, name, strnlen(name, sizeof(p.t.task.comm)));
	return p;
}

static const struct record_owner owner = {
	.container_known = true, .container_id = SAMPLE_CONTAINER, .unit = "nginx.service", .unit_len = 13};

static const char *process_line(const char *name, const struct top_style *style)
{
	const struct top_process p = process_of(name);
	struct buf b = empty();

	top_text_process(&b, &p, &owner, style);
	return text;
}

static const char *titles(const struct top_style *style)
{
	struct buf b = empty();

	top_text_titles(&b, style);
	return text;
}

static size_t columns_in(const char *line)
{
	size_t columns;

	columns_fit(line, strlen(line), SIZE_MAX, &columns);
	return columns;
}

static void processes_at_80(void **state)
{
	const struct top_style style = style_of(80);

	(void)state;
	assert_string_equal(titles(&style), "    PID COMMAND        TOTAL  SYN    ESTAB      FIN    CLOSEW   TIMEW     LISTEN");
	assert_string_equal(process_line("nginx", &style),
			    "   4242 nginx            13K    1+1   1234-66     0      12K+12K    7          3");
	assert_int_equal(columns_in(text), 80);
}

/* Where there is room, each count has its change. With one column less, these two have none. */
static void processes_at_86(void **state)
{
	struct top_style style = style_of(86);

	(void)state;
	assert_string_equal(titles(&style),
			    "    PID COMMAND        TOTAL      SYN    ESTAB      FIN    CLOSEW   TIMEW    LISTEN   ");
	assert_string_equal(process_line("nginx", &style),
			    "   4242 nginx            13K+12K    1+1   1234-66     0      12K+12K    7        3+1  ");
	style.width = 85;
	assert_int_equal(columns_in(process_line("nginx", &style)), 80);
	style.width = 79;
	assert_null(strstr(titles(&style), "LISTEN"));
}

/* Of a look that has none before it. */
static void no_change(void **state)
{
	struct top_style style = style_of(80);

	(void)state;
	style.changes = false;
	assert_string_equal(process_line("nginx", &style),
			    "   4242 nginx            13K    1     1234        0      12K        7          3");
}

static void processes_at_200(void **state)
{
	struct top_style style = style_of(200);

	(void)state;
	assert_non_null(strstr(titles(&style), "TIMEW    LISTEN    NETNS      CONTAINER    SERVICE"));
	assert_non_null(strstr(process_line("nginx", &style), " 4026531840 0123456789ab nginx.service"));
	style.owners_first = true;
	assert_non_null(strstr(titles(&style), "COMMAND         NETNS      CONTAINER    SERVICE"));
	assert_non_null(strstr(process_line("nginx", &style), "nginx.service             13K+12K"));
	style.width = 80;
	assert_non_null(strstr(titles(&style), "SERVICE"));
	assert_non_null(strstr(titles(&style), "TOTAL"));
	assert_null(strstr(titles(&style), "SYN"));
}

/* No column is cut in the middle: a part of a number would be another number. */
static void processes_at_40(void **state)
{
	const struct top_style style = style_of(40);

	(void)state;
	assert_string_equal(titles(&style), "    PID COMMAND        TOTAL  SYN    ");
	assert_string_equal(process_line("nginx", &style), "   4242 nginx            13K    1+1  ");
}

static void unknown_owner(void **state)
{
	const struct top_style style = style_of(200);
	struct top_process p = process_of("");
	const struct record_owner nobody = {0};
	struct buf b = empty();

	(void)state;
	p.t = (struct conn_tuple){0};
	p.several_netns = true;
	top_text_process(&b, &p, &nobody, &style);
	assert_non_null(strstr(text, "      - (not known)    "));
	assert_non_null(strstr(text, " several    -            - "));
}

/* Whatever a process is called, its line has no control byte, and the columns behind the name stay where they are. */
static void hostile_names(void **state)
{
	static const char *const names[] = {
		"\x1b[2J\x1b[31mred",
		"a\tb\nc",
		"\x07\x08\x7f",
		"\xe2\x80\xae"
		"abc",
		"\xff\xfe\x80",
		"\xc2\x9b"
		"1m",
		"\xe4\xb8\xad\xe6\x96\x87\xe5\x90\x8d\xe5\xad\x97\xe6\x96\x87", /* five wide characters */
		"e\xcc\x81\xcc\x81\xcc\x81\xcc\x81",                            /* marks that join the letter before them */
		"\xe4\xb8\xad\xe6\x96",                                         /* a character whose end is missing */
		"               ",
		"%s%n%x",
		"\xf0\x9f\x98\x80\xf0\x9f\x98\x80",
	};
	struct top_style style = style_of(80);

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(names) / sizeof(names[0]); i++) {
		const char *line;

		style.ascii = i % 2;
		line = process_line(names[i / 2], &style);
		assert_int_equal(columns_in(line), 80);
		assert_non_null(strstr(line, "  13K    1+1   1234-66 "));
		assert_null(strstr(line, "\xe2\x80\xae"));
		assert_null(strstr(line, "\xcc\x81"));
		for (const char *c = line; *c; c++)
			assert_true((unsigned char)*c >= ' ' && *c != 0x7f && (!style.ascii || (unsigned char)*c < 0x80));
	}
}

static void wide_name(void **state)
{
	const struct top_style style = style_of(80);

	(void)state;
	assert_non_null(strstr(process_line("\xe4\xb8\xad\xe6\x96\x87", &style), " \xe4\xb8\xad\xe6\x96\x87             13K"));
}

static struct top_head head_of(void)
{
	return (struct top_head){
		.hostname = "web1",
		.by_state = {[WIRE_LISTEN] = 3, [WIRE_ESTABLISHED] = 12, [WIRE_CLOSE_WAIT] = 5, [WIRE_TIME_WAIT] = 20000},
		.before = {[WIRE_LISTEN] = 3, [WIRE_ESTABLISHED] = 15, [WIRE_TIME_WAIT] = 19000},
		.opened = 30,
		.interval_us = 2000000,
		.alerts = true,
		.leaks = 5,
		.findings = 2,
		.critical = 1,
	};
}

static const char *head_text(const struct top_head *head, size_t width)
{
	const struct top_style style = style_of(width);
	struct buf b = empty();

	top_text_head(&b, head, &style);
	assert_false(b.overflow);
	return text;
}

static void heads(void **state)
{
	struct top_head head = head_of();

	(void)state;
	assert_string_equal(head_text(&head, 80),
			    "web1: 20017 connections, 15 opened/s, leaks 5, findings 2 (1 critical), lost 0\n"
			    "LISTEN         3    SYN_SENT       0    SYN_RECV       0    ESTABLISHED   12-3  \n"
			    "FIN_WAIT1      0    FIN_WAIT2      0    CLOSING        0    CLOSE_WAIT     5+5  \n"
			    "LAST_ACK       0    TIME_WAIT    20K+1K \n");
	head.lost[WIRE_LOST_RING] = 7;
	head.lost[WIRE_LOST_HOOK] = 1;
	assert_non_null(strstr(head_text(&head, 200), "lost 8 (hook 1, ring 7)\nLISTEN "));
	assert_non_null(strstr(head_text(&head, 40), "web1: 20017 connections, 15 opened/s\nleaks 5, findings 2 (1 critical)\n"
						     "lost 8 (hook 1, ring 7)\nLISTEN "));
	head_text(&head, 200);
	assert_int_equal(columns_in(strchr(text, '\n') + 1), 201); /* one line, and its end */
	assert_non_null(strstr(head_text(&head, 40), "LISTEN         3    SYN_SENT       0    \nSYN_RECV "));
	assert_non_null(strstr(head_text(&head, 5), "\nLISTEN         3    \nSYN_SENT "));
	head.interval_us = 0;
	assert_null(strstr(head_text(&head, 80), "opened"));
}

static void connections(void **state)
{
	struct open_conn conn = {.state = WIRE_ESTABLISHED, .entered_known = true, .entered_ns = 7 * SAMPLE_S};
	const struct top_style style = style_of(80);
	struct buf b = empty();

	(void)state;
	sample_addresses(&conn.t, AF_INET, "::ffff:10.0.0.1", 40000, "::ffff:255.255.255.255", 65535);
	conn.t.cookie = 0x2a01;
	conn.t.role = CONN_SERVER;
	top_text_conn(&b, &conn, 10 * SAMPLE_S, &style);
	assert_string_equal(text, "ESTABLISHED    3.0s 10.0.0.1:40000        255.255.255.255:65535 s 4026531840 2a01");
	assert_int_equal(strstr(top_text_conn_titles, "LOCAL") - top_text_conn_titles, strstr(text, "10.0.0.1") - text);
	assert_int_equal(strstr(top_text_conn_titles, "PEER") - top_text_conn_titles, strstr(text, "255.") - text);
	assert_int_equal(strstr(top_text_conn_titles, "CONN_ID") - top_text_conn_titles, strstr(text, "2a01") - text);
	conn.entered_known = false;
	conn.t.id_known = false;
	b = empty();
	top_text_conn(&b, &conn, 10 * SAMPLE_S, &style);
	assert_non_null(strstr(text, "ESTABLISHED   >3.0s -                     -                     s "));
}

static void leaks(void **state)
{
	struct top_leak leak = {.count = 3,
				.aged_ns = 100 * SAMPLE_S,
				.socket = {.age_ns = 90 * SAMPLE_S, .holders = 1, .verdict = {.cause = LEAK_EOF_UNREAD}}};
	const struct top_style style = style_of(80);
	struct buf b = empty();

	(void)state;
	sample_addresses(&leak.socket.t, AF_INET, "::ffff:10.0.0.1", 80, "::ffff:10.0.0.2", 40000);
	leak.socket.t.from = CONN_FROM_SCAN;
	leak.socket.t.task = (struct wire_task){.tgid = 4242, .comm = "\x1b[7mapp"};
	top_text_leak(&b, &leak, 110 * SAMPLE_S, &style);
	assert_string_equal(text, "     3   1m40s    4242 \\x1b[7mapp      10.0.0.2:40000        eof_unread");
	assert_int_equal(strstr(top_text_leak_titles, "CAUSE") - top_text_leak_titles, strstr(text, "eof_unread") - text);
	b = empty();
	top_text_leak_more(&b, &leak, &owner, false);
	assert_non_null(strstr(text, "3 sockets leak in CLOSE_WAIT"));
	assert_non_null(strstr(text, "Cause      eof_unread (likely)\n"));
	assert_non_null(strstr(text, "Service    nginx.service\n"));
	assert_null(strchr(text, '\x1b'));
}

static void findings(void **state)
{
	struct finding_record f = {
		.id = FINDING_CLOSE_WAIT_LEAK, .severity = FINDING_CRITICAL, .since_ns = 5 * SAMPLE_S, .count = 2};
	const struct top_style style = style_of(80);
	struct buf b = empty();

	(void)state;
	top_text_finding(&b, &f, 9 * SAMPLE_S, &style);
	assert_memory_equal(text, "CRITICAL     4.0s       - -               close_wait_leak: ", 59);
	assert_int_equal(strstr(top_text_finding_titles, "FINDING") - top_text_finding_titles,
			 strstr(text, "close_wait") - text);
}

/* No line is broken on 80 columns; the page breaks them for narrower screens. */
static void help_is_plain(void **state)
{
	size_t columns = 0;

	(void)state;
	for (const char *c = top_text_help; *c; c++) {
		assert_true(*c == '\n' || (*c >= ' ' && *c <= '~'));
		columns = *c == '\n' ? 0 : columns + 1;
		assert_true(columns <= 80);
	}
}

/* Pages */

static struct page_text of(const char *string)
{
	return (struct page_text){string, strlen(string)};
}

static void fill(struct page *page, const char *const *rows)
{
	page_begin(page);
	for (; *rows; rows++)
		page_add(page, (uint64_t)(*rows)[0], of(*rows), of(*rows));
	page_end(page);
}

static void cursor_follows_its_row(void **state)
{
	static const char *const one[] = {"a", "b", "c", "d", NULL}, *const other[] = {"d", "c", "b", NULL},
				 *const without[] = {"d", "b", NULL};
	struct page page = {0};

	(void)state;
	fill(&page, one);
	fill(&page, other);
	assert_int_equal(page.selected, 'd'); /* nobody has moved it: the first row */
	page_move(&page, 1);
	assert_int_equal(page.selected, 'c');
	fill(&page, one);
	assert_int_equal(page.cursor, 2);
	fill(&page, without);
	assert_int_equal(page.selected, 'b'); /* the row that is there now */
	page_move(&page, 100);
	assert_int_equal(page.selected, 'b');
	page_move(&page, -100);
	assert_int_equal(page.selected, 'd');
	page_begin(&page);
	page_end(&page);
	page_move(&page, 5);
	assert_int_equal(page.cursor, 0);
	page_free(&page);
}

static void filter_and_search(void **state)
{
	static const char *const rows[] = {"1 nginx", "2 Curl", "3 nginx", "4 curl", NULL};
	struct page page = {.filter = "CURL"};

	(void)state;
	fill(&page, rows);
	assert_int_equal(page.rows_len, 2);
	assert_int_equal(page.hidden, 2);
	page_reset(&page);
	snprintf(page.search, sizeof(page.search), "nginx");
	fill(&page, rows);
	assert_int_equal(page.rows_len, 4);
	assert_true(page_search(&page));
	assert_int_equal(page.selected, '3');
	assert_true(page_search(&page));
	assert_int_equal(page.selected, '1');
	snprintf(page.search, sizeof(page.search), "postgres");
	fill(&page, rows);
	assert_false(page_search(&page));
	assert_int_equal(page.selected, '1');
	page_free(&page);
}

static void page_is_bounded(void **state)
{
	struct page page = {0};

	(void)state;
	page_begin(&page);
	for (uint64_t i = 0; i < PAGE_ROWS_MAX + 9; i++)
		page_add(&page, i, of("row"), of("row"));
	page_end(&page);
	assert_int_equal(page.rows_len, PAGE_ROWS_MAX);
	assert_int_equal(page.left_out, 9);
	page_free(&page);
}

static void broken_lines(void **state)
{
	static const char *const expected[] = {"aaa bbb", "ccc", "", "dddddddddd", "d"};
	struct page page = {0};

	(void)state;
	page_begin(&page);
	page_add_lines(&page, of("aaa bbb ccc\n\nddddddddddd\n"), 10);
	page_end(&page);
	assert_int_equal(page.rows_len, 5);
	for (size_t i = 0; i < page.rows_len; i++) {
		assert_int_equal(page.rows[i].len, strlen(expected[i]));
		assert_memory_equal(page.text + page.rows[i].at, expected[i], strlen(expected[i]));
	}
	page_free(&page);
}

/* By columns: a character is never cut, a wide one takes two, one that only joins the one before counts as one. */
static void broken_characters(void **state)
{
	static const struct {
		const char *text;
		size_t wrap;
		const char *rows[4];
	} cases[] = {
		{"\u4e2d\u4e2d\u4e2d", 4, {"\u4e2d\u4e2d", "\u4e2d"}},
		{"\u4e2d\u4e2d\u4e2d", 5, {"\u4e2d\u4e2d", "\u4e2d"}},
		{"\u4e2d\u4e2d", 1, {"\u4e2d", "\u4e2d"}},
		{"\u00e9\u00e9\u00e9 \u00e9\u00e9", 4, {"\u00e9\u00e9\u00e9", "\u00e9\u00e9"}},
		{"e\u0301e\u0301", 2, {"e\u0301", "e\u0301"}},
		{"a\xff\xfe", 2, {"a\xff", "\xfe"}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct page page = {0};
		size_t rows = 0;

		page_begin(&page);
		page_add_lines(&page, of(cases[i].text), cases[i].wrap);
		page_end(&page);
		for (; rows < 4 && cases[i].rows[rows]; rows++) {
			assert_true(rows < page.rows_len);
			assert_int_equal(page.rows[rows].len, strlen(cases[i].rows[rows]));
			assert_memory_equal(page.text + page.rows[rows].at, cases[i].rows[rows], page.rows[rows].len);
		}
		assert_int_equal(page.rows_len, rows);
		page_free(&page);
	}
}

/* Pictures */

static struct picture picture;

static void make(struct page *page, size_t width, size_t height)
{
	picture_make(&picture, &(struct picture_input){.head = of("head one\nhead two\nhead three\n"),
						       .titles = of("TITLES"),
						       .status = of("status"),
						       .page = page,
						       .is_list = true,
						       .width = width,
						       .height = height});
	assert_int_equal(picture.len, height);
}

static void check_line(size_t line, const char *expected, enum picture_look look)
{
	assert_int_equal(picture.lines[line].len, strlen(expected));
	assert_memory_equal(picture.lines[line].text, expected, strlen(expected));
	assert_int_equal(picture.lines[line].look, look);
}

static void pictures(void **state)
{
	static const char *const rows[] = {"a row", "b row", "c row", "d row", "e row", "f row", "g row", "h row", NULL};
	struct page page = {0};

	(void)state;
	fill(&page, rows);
	make(&page, 80, 10);
	check_line(0, "head one", PICTURE_HEAD);
	check_line(3, "TITLES", PICTURE_TITLE);
	check_line(4, "a row", PICTURE_CURSOR);
	check_line(8, "e row", PICTURE_PLAIN);
	check_line(9, "status", PICTURE_HEAD);
	page_move(&page, 6);
	make(&page, 80, 10);
	check_line(8, "g row", PICTURE_CURSOR);
	for (size_t height = 1; height < 40; height++) { /* the cursor is shown on every screen */
		bool shown = false;

		make(&page, 80, height);
		for (size_t i = 0; i < height; i++)
			shown |= picture.lines[i].look == PICTURE_CURSOR;
		assert_true(shown);
	}
	make(&page, 4, 10);
	assert_true(picture.lines[4].more);
	assert_int_equal(picture.lines[4].len, 3);
	for (size_t width = 0; width < 3; width++)
		make(&page, width, 5);
	page_free(&page);
}

/* A character of two columns never stands in the last one alone. */
static void wide_cut(void **state)
{
	static const char *const rows[] = {"\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad", NULL};
	struct page page = {0};

	(void)state;
	fill(&page, rows);
	make(&page, 6, 10);
	assert_int_equal(picture.lines[4].len, 9);
	assert_false(picture.lines[4].more);
	make(&page, 5, 10);
	assert_int_equal(picture.lines[4].len, 6);
	assert_true(picture.lines[4].more);
	make(&page, 4, 10);
	assert_int_equal(picture.lines[4].len, 3);
	page_free(&page);
}

static void text_scrolls(void **state)
{
	struct page page = {0};
	struct picture_input in = {.page = &page, .width = 80, .height = 4};

	(void)state;
	page_begin(&page);
	page_add_lines(&page, of("1\n2\n3\n4\n5\n6\n"), 80);
	page_end(&page);
	page_move(&page, 1);
	picture_make(&picture, &in);
	check_line(0, "2", PICTURE_PLAIN);
	page_move(&page, 100);
	picture_make(&picture, &in);
	check_line(0, "4", PICTURE_PLAIN);
	page_move(&page, -1); /* at once, not after as many keys as were one too many */
	picture_make(&picture, &in);
	check_line(0, "3", PICTURE_PLAIN);
	page_free(&page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processes_at_80),
		cmocka_unit_test(processes_at_86),
		cmocka_unit_test(no_change),
		cmocka_unit_test(processes_at_200),
		cmocka_unit_test(processes_at_40),
		cmocka_unit_test(unknown_owner),
		cmocka_unit_test(hostile_names),
		cmocka_unit_test(wide_name),
		cmocka_unit_test(heads),
		cmocka_unit_test(connections),
		cmocka_unit_test(leaks),
		cmocka_unit_test(findings),
		cmocka_unit_test(help_is_plain),
		cmocka_unit_test(cursor_follows_its_row),
		cmocka_unit_test(filter_and_search),
		cmocka_unit_test(page_is_bounded),
		cmocka_unit_test(broken_lines),
		cmocka_unit_test(broken_characters),
		cmocka_unit_test(pictures),
		cmocka_unit_test(wide_cut),
		cmocka_unit_test(text_scrolls),
	};

	if (!setlocale(LC_CTYPE, "C.UTF-8")) /* for wcwidth() */
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
