// SPDX-License-Identifier: GPL-2.0-only
/* What bounds --stacks: time, shares, bans, numbers, and what a process that was taken over may say. */
#include "src/symbols/budget.h"
#include "src/symbols/maps.h"
#include "src/symbols/opener_protocol.h"
#include "src/symbols/stack_numbers.h"
#include "src/symbols/stream_check.h"
#include "src/core/wire_make.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define MS 1000000ull

/* A process that never stops by itself and uses all that it is given, beside one that uses as much: over each second. */
static void a_tenth_of_any_second(void **state)
{
	static uint64_t used[4000]; /* by millisecond */
	struct budget budget = {0};
	uint64_t start = 123456789, look = 0;
	bool running = true;

	(void)state;
	for (uint64_t ms = 0; ms < 4000; ms++) {
		uint64_t now = start + ms * MS;

		if (ms >= look) {
			running = budget_allows(&budget, now, running);
			look = ms + (budget_wait_ns(&budget, now, running) + MS - 1) / MS;
		}
		if (running) {
			used[ms] = 1;
			budget_add(&budget, now, MS);
		}
	}
	for (size_t from = 0; from + 1000 < 4000; from++) {
		uint64_t sum = 0;

		for (size_t i = 0; i < 1000; i++)
			sum += used[from + i];
		assert_in_range(sum, from > 1000 ? 50 : 0, BUDGET_NS / MS);
	}
}

static void time_is_forgotten(void **state)
{
	struct budget budget = {0};

	(void)state;
	budget_add(&budget, 5000 * MS, 90 * MS);
	assert_false(budget_allows(&budget, 5000 * MS, true));
	assert_int_equal(budget_used(&budget, 5900 * MS), 90 * MS);
	assert_int_equal(budget_used(&budget, 6100 * MS), 0);
	budget_add(&budget, 1000000 * MS, 1 * MS);
	assert_int_equal(budget_used(&budget, 1000000 * MS), 1 * MS);
	assert_true(budget_allows(&budget, 1000000 * MS, false));
}

static void shares(void **state)
{
	static struct share_table table;
	uint64_t key = share_key_process(7, 8), cgroup = share_key_cgroup(7), now = 100 * SHARE_WINDOW_NS;

	(void)state;
	memset(&table, 0, sizeof(table));
	assert_int_not_equal(key, cgroup);
	assert_true(share_allows(&table, now, key, SHARE_PROCESS_NS));
	share_add(&table, now, key, SHARE_PROCESS_NS - 1);
	assert_true(share_allows(&table, now, key, SHARE_PROCESS_NS));
	share_add(&table, now, key, 1);
	assert_false(share_allows(&table, now, key, SHARE_PROCESS_NS));
	assert_true(share_allows(&table, now, cgroup, SHARE_CGROUP_NS));
	assert_true(share_allows(&table, now + SHARE_WINDOW_NS, key, SHARE_PROCESS_NS));
	for (uint32_t pid = 1; pid < 100000; pid++) /* more than there is room for */
		share_add(&table, now, share_key_process(pid, pid), 1);
	assert_false(share_allows(&table, now, key, SHARE_PROCESS_NS));
	memset(&table, 0xff, sizeof(table)); /* whatever a parser left there */
	share_add(&table, now, key, UINT64_MAX);
	share_allows(&table, now, key, 1);
}

static void bans(void **state)
{
	struct ban list[BANS_MAX] = {0};

	(void)state;
	ban_add(list, 100, 7, 200);
	assert_true(ban_holds(list, 199, 7));
	assert_false(ban_holds(list, 200, 7));
	assert_false(ban_holds(list, 150, 8));
	for (uint64_t key = 1000; key < 1000 + BANS_MAX - 1; key++)
		ban_add(list, 100, key, 300 + key);
	assert_true(ban_holds(list, 150, 7));
	ban_add(list, 100, 9999, 400); /* in place of the one that ends first */
	assert_false(ban_holds(list, 150, 7));
	assert_true(ban_holds(list, 150, 9999));
	assert_true(ban_holds(list, 150, 1000));
}

/* Numbers: a control group that makes up stacks replaces its own. */
static void numbers_are_shared_out(void **state)
{
	struct stack_numbers n;
	struct stack_number mine, other, found;
	uint64_t highest = 0;
	char text[20];

	(void)state;
	assert_int_equal(stack_numbers_init(&n, 0), 0);
	mine = stack_numbers_find(&n, 1, WIRE_STACK_WHOLE, "main");
	other = stack_numbers_find(&n, 2, WIRE_STACK_WHOLE, "main");
	assert_true(mine.is_new && other.is_new && mine.number != other.number);
	for (int i = 0; i < 20000; i++) {
		snprintf(text, sizeof(text), "f%d", i);
		found = stack_numbers_find(&n, 3, WIRE_STACK_WHOLE, text);
		assert_true(found.is_new && found.number && found.number % WIRE_STACKS_MAX);
		assert_int_equal(found.replaced, i >= WIRE_STACKS_MAX - 3);
		assert_in_range(found.number, 1, highest + 2 * WIRE_STACKS_MAX);
		assert_true(found.number != mine.number && found.number != other.number);
		highest = found.number > highest ? found.number : highest;
	}
	found = stack_numbers_find(&n, 1, WIRE_STACK_WHOLE, "main");
	assert_true(!found.is_new && found.number == mine.number);
	found = stack_numbers_find(&n, 3, WIRE_STACK_WHOLE, text);
	assert_false(found.is_new);
	found = stack_numbers_find(&n, 3, WIRE_STACK_WHOLE, "f0");
	assert_true(found.is_new && found.replaced);
	for (int i = 0; i < 100; i++) { /* newcomers find room: in what the greediest has */
		snprintf(text, sizeof(text), "g%d", i);
		assert_true(stack_numbers_find(&n, 100 + (uint64_t)i, WIRE_STACK_CUT, text).replaced);
	}
	assert_false(stack_numbers_find(&n, 2, WIRE_STACK_WHOLE, "main").is_new);
	stack_numbers_free(&n);
}

static void numbers_go_on(void **state)
{
	struct stack_numbers n;
	struct stack_number a, b;

	(void)state;
	assert_int_equal(stack_numbers_init(&n, 3 * WIRE_STACKS_MAX), 0);
	a = stack_numbers_find(&n, 1, WIRE_STACK_WHOLE, "a");
	assert_in_range(a.number, 3 * WIRE_STACKS_MAX + 1, 4 * WIRE_STACKS_MAX - 1);
	stack_numbers_forget(&n, a.number);
	b = stack_numbers_find(&n, 1, WIRE_STACK_WHOLE, "a");
	assert_true(b.is_new && b.number == a.number); /* however often: numbers do not leap */
	a = stack_numbers_find(&n, 1, WIRE_STACK_PROCESS_GONE, "");
	b = stack_numbers_find(&n, 2, WIRE_STACK_PROCESS_GONE, "");
	assert_int_equal(a.number, b.number); /* it says nothing of the control group */
	stack_numbers_free(&n);
}

/* The parser's bytes */

static struct stream_check check;
static union stream_event event;

static int feed(const void *bytes, size_t len)
{
	size_t room;
	void *to = stream_check_room(&check, &room);

	assert_true(len <= room);
	memcpy(to, bytes, len);
	stream_check_added(&check, len);
	return stream_check_next(&check, &event);
}

static int feed_stack(uint64_t number, uint64_t note, const char *text)
{
	const struct wire_text head = {.hdr = {.kind = WIRE_STACK}, .key = number, .key2 = note};
	union wire_text_space space;
	const struct wire_hdr *ev;

	stream_check_reset(&check);
	ev = wire_make_text(&space, &head, text, strlen(text));
	return feed(ev, ev->len);
}

static int feed_about(uint64_t number, const char *text, struct wire_stack_about about)
{
	const struct wire_text head = {.hdr = {.kind = WIRE_STACK}, .key = number, .key2 = WIRE_STACK_CUT};
	union wire_text_space space;
	const struct wire_hdr *ev = wire_make_path(&space, &head, text, &about);

	stream_check_reset(&check);
	return feed(ev, ev->len);
}

static int feed_event(const void *ev)
{
	stream_check_reset(&check);
	return feed(ev, ((const struct wire_hdr *)ev)->len);
}

static void what_a_parser_says(void **state)
{
	struct wire_opened opened = {
		.hdr = {.cookie = 9, .len = sizeof(opened), .kind = WIRE_OPENED}, .stack = 5, .accepted = 1};
	struct wire_lost lost = wire_make_lost(WIRE_LOST_STACK_BUDGET, 3, 0, 0);

	(void)state;
	memset(&check, 0, sizeof(check));
	assert_int_equal(feed_stack(0, WIRE_STACK_NOT_TAKEN, ""), 1);
	assert_int_equal(feed_stack(5, WIRE_STACK_WHOLE, "a (b.c:1)\nmain"), 1);
	assert_string_equal(event.stack.text, "a (b.c:1)\nmain");
	assert_int_equal(feed_about(5, "a (b.c:1)\nmain", (struct wire_stack_about){WIRE_STACK_HINT_JAVA, .own = 2}), 1);
	assert_int_equal(feed_event(&opened), 1);
	assert_int_equal(feed_event(&lost), 1);
	stream_check_reset(&check);
	for (size_t i = 0; i + 1 < sizeof(opened); i++) /* byte by byte */
		assert_int_equal(feed((const char *)&opened + i, 1), 0);
	assert_int_equal(feed((const char *)&opened + sizeof(opened) - 1, 1), 1);
	assert_int_equal(event.opened.stack, 5);
}

static void what_it_must_not_say(void **state)
{
	static const uint8_t zeros[24];
	struct wire_opened opened = {.hdr = {.cookie = 9, .len = sizeof(opened), .kind = WIRE_OPENED}};
	struct wire_lost lost = wire_make_lost(WIRE_LOST_RING, 3, 0, 0);
	struct wire_mark mark = wire_make_mark(WIRE_CLOCK, 0, 0);
	struct wire_hdr hdr = {.len = 20000, .kind = WIRE_STACK};
	char text[2100] = "";

	(void)state;
	memset(&check, 0, sizeof(check));
	assert_int_equal(feed(zeros, sizeof(zeros)), -EBADMSG);
	stream_check_reset(&check);
	assert_int_equal(feed(&hdr, sizeof(hdr)), -EBADMSG);
	assert_int_equal(feed_event(&mark), -EBADMSG);
	assert_int_equal(feed_event(&lost), -EBADMSG);
	lost = wire_make_lost(WIRE_LOST_STACK_RING, UINT64_MAX, 0, 0);
	assert_int_equal(feed_event(&lost), -EBADMSG);
	opened.stack = 1; /* never seen */
	assert_int_equal(feed_event(&opened), -EBADMSG);
	opened = (struct wire_opened){.hdr = opened.hdr, .accepted = 2};
	assert_int_equal(feed_event(&opened), -EBADMSG);
	assert_int_equal(feed_stack(0, WIRE_STACK_WHOLE, "main"), -EBADMSG);
	assert_int_equal(feed_stack(WIRE_STACKS_MAX, WIRE_STACK_WHOLE, "main"), -EBADMSG);
	assert_int_equal(feed_stack(3 * WIRE_STACKS_MAX, WIRE_STACK_WHOLE, "main"), -EBADMSG);
	assert_int_equal(feed_stack(UINT64_MAX, WIRE_STACK_WHOLE, "main"), -EBADMSG);
	assert_int_equal(feed_stack(1, WIRE_STACK_MADE_ROOM, "main"), -EBADMSG);
	assert_int_equal(feed_stack(1, WIRE_STACK_NOTE_MAX, "main"), -EBADMSG);
	assert_int_equal(feed_stack(1, WIRE_STACK_WHOLE, "\x1b[2J"), -EBADMSG);
	assert_int_equal(feed_stack(1, WIRE_STACK_WHOLE, "a\n\nb"), -EBADMSG);
	assert_int_equal(feed_stack(1, WIRE_STACK_WHOLE, "a\n"), -EBADMSG);
	assert_int_equal(feed_stack(1, WIRE_STACK_WHOLE, "\na"), -EBADMSG);
	assert_int_equal(feed_about(1, "a\nb", (struct wire_stack_about){.own = 3}), -EBADMSG);
	assert_int_equal(feed_about(1, "", (struct wire_stack_about){.own = 1}), -EBADMSG);
	assert_int_equal(feed_about(1, "a", (struct wire_stack_about){.hint = WIRE_STACK_HINT_MAX}), -EBADMSG);
	memset(text, 'x', 2050);
	assert_int_equal(feed_stack(1, WIRE_STACK_WHOLE, text), -EBADMSG);
	for (size_t i = 1; i < 1000; i += 2)
		text[i] = '\n';
	text[1000] = '\0';
	text[999] = 'x';
	assert_int_equal(feed_stack(1, WIRE_STACK_WHOLE, text), -EBADMSG);
	assert_int_equal(check.highest, 0);
}

/* Whatever comes: events that are safe to use, or none. */
static void any_bytes(void **state)
{
	(void)state;
	srand(1);
	for (int round = 0; round < 20000; round++) {
		struct wire_lost bytes;
		int n;

		for (size_t i = 0; i < sizeof(bytes); i++)
			((uint8_t *)&bytes)[i] = (uint8_t)rand();
		if (round & 1)
			bytes.hdr.len = sizeof(bytes);
		if (round & 2)
			bytes.hdr.kind = WIRE_LOST;
		if (round & 4)
			bytes.hdr.parts = 0;
		stream_check_reset(&check);
		n = feed(&bytes, sizeof(bytes));
		assert_true(n == 1 || n == 0 || n == -EBADMSG);
		if (n == 1)
			assert_true(event.hdr.len >= sizeof(struct wire_hdr) && event.hdr.len <= WIRE_MAX_LEN &&
				    !event.hdr.parts);
	}
}

/* Requests and answers */

static void requests(void **state)
{
	struct request r = {.kind = REQUEST_FILE, .program.tgid = 1, .start = 4096, .end = 8192};

	(void)state;
	assert_true(request_valid(&r, sizeof(r)));
	assert_false(request_valid(&r, sizeof(r) - 1));
	assert_false(request_valid(&r, 0));
	r.end = r.start;
	assert_false(request_valid(&r, sizeof(r)));
	r = (struct request){.kind = REQUEST_MODULES};
	assert_false(request_valid(&r, sizeof(r)));
	for (uint32_t len = 0; len < 100; len++) {
		r = (struct request){.kind = REQUEST_DEBUG, .build_id_len = len};
		assert_int_equal(request_valid(&r, sizeof(r)), len >= BUILD_ID_MIN && len <= BUILD_ID_MAX);
	}
	r = (struct request){.kind = REQUEST_MAX, .program.tgid = 1};
	assert_false(request_valid(&r, sizeof(r)));
}

static void answers(void **state)
{
	static struct answer a;
	struct module_range *m = a.modules;

	(void)state;
	a = (struct answer){.modules_len = 1, .modules = {{.low = 1, .high = 9, .start = 2, .end = 8}}};
	assert_true(answer_valid(&a, answer_size(&a)));
	assert_false(answer_valid(&a, answer_size(&a) - 1));
	assert_false(answer_valid(&a, 3));
	m->end = 10;
	assert_false(answer_valid(&a, answer_size(&a)));
	m->end = 8;
	memset(m->name, 'x', sizeof(m->name));
	assert_false(answer_valid(&a, answer_size(&a)));
	a.modules_len = UINT32_MAX;
	assert_false(answer_valid(&a, sizeof(a)));
	a = (struct answer){.error = 1};
	assert_false(answer_valid(&a, answer_size(&a)));
}

/* What came besides a message does not stay open. */
static void descriptors(void **state)
{
	const char hello[6] = "hello";
	int ends[2], file[2], fd;
	char text[6];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	assert_int_equal(pipe(file), 0);
	assert_int_equal(protocol_receive(ends[0], text, sizeof(text), &fd), -EAGAIN);
	assert_int_equal(protocol_send(ends[1], hello, sizeof(hello), file[1]), 0);
	close(file[1]);
	assert_int_equal(protocol_receive(ends[0], text, sizeof(text), &fd), sizeof(text));
	assert_int_equal(write(fd, hello, sizeof(hello)), sizeof(hello));
	close(fd);
	assert_int_equal(read(file[0], text, sizeof(text)), sizeof(text));
	assert_int_equal(read(file[0], text, sizeof(text)), 0); /* nobody has it any more */
	assert_int_equal(protocol_send(ends[1], hello, sizeof(hello), -1), 0);
	assert_int_equal(protocol_receive(ends[0], text, 2, &fd), -EMSGSIZE);
	close(ends[0]);
	close(ends[1]);
	close(file[0]);
}

/* The list of mappings */

static void mappings(void **state)
{
	static const char *const lines[] = {
		"400000-401000 r--p 00000000 fd:01 77                         /usr/bin/app",
		"401000-402000 r-xp 00001000 fd:01 77                         /usr/bin/app",
		"402000-403000 rw-p 00002000 fd:01 77                         /usr/bin/app",
		"500000-501000 rw-p 00000000 00:00 0                          [heap]",
		"600000-601000 r--p 00000000 fd:01 78                         /usr/share/data",
		"700000-701000 r-xp 00000000 fd:02 77                         /lib/b c.so (deleted)",
		"701000-702000 rwxp 00000000 00:00 0 ",
		"801000-802000 r-xp 00000000 00:00 0                          [vdso]",
	};
	static struct module_range modules[MODULES_MAX];
	struct module_list list = {.modules = modules};
	struct mapping m;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_true(maps_parse(lines[i], strlen(lines[i]), &m));
		module_list_add(&list, &m);
	}
	module_list_end(&list);
	assert_int_equal(list.len, 2);
	assert_true(modules[0].low == 0x400000 && modules[0].high == 0x403000);
	assert_true(modules[0].start == 0x401000 && modules[0].end == 0x402000);
	assert_string_equal(modules[0].name, "app");
	assert_string_equal(modules[1].name, "b c.so");
	for (size_t len = 0; len < strlen(lines[0]); len++) /* cut anywhere */
		maps_parse(lines[0], len, &m);
	assert_false(maps_parse("", 0, &m));
	assert_false(maps_parse("401000-400000 r-xp 0 0:0 1 /a", 29, &m));
	assert_false(maps_parse("11112222333344445-9 r-xp 0 0:0 1 /a", 35, &m));
	list.len = 0;
	for (uint64_t i = 1; i < 1000; i++) {
		m = (struct mapping){
			.start = i * 4096, .end = (i + 1) * 4096, .inode = i, .code = true, .path = "/a", .path_len = 2};
		module_list_add(&list, &m);
	}
	assert_int_equal(list.len, MODULES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tenth_of_any_second),
		cmocka_unit_test(time_is_forgotten),
		cmocka_unit_test(shares),
		cmocka_unit_test(bans),
		cmocka_unit_test(numbers_are_shared_out),
		cmocka_unit_test(numbers_go_on),
		cmocka_unit_test(what_a_parser_says),
		cmocka_unit_test(what_it_must_not_say),
		cmocka_unit_test(any_bytes),
		cmocka_unit_test(requests),
		cmocka_unit_test(answers),
		cmocka_unit_test(descriptors),
		cmocka_unit_test(mappings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
