// SPDX-License-Identifier: GPL-2.0-only
/* Leaks: cause and age from a scan, who holds a socket, groups, and what people and pipelines are shown of it. */
#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "src/core/leak_group.h"
#include "src/core/wire_read.h"
#include "src/format/leak_text.h"

#define S SAMPLE_S

struct stuck {
	struct wire_leak wire;
	struct wire_task task;
	struct wire_ident ident;
};

static struct stuck stuck(uint64_t cookie, unsigned int state, uint32_t waiting)
{
	struct conn_tuple t = {0};
	struct stuck ev = {
		.wire = {.s = {.hdr = {.ts = 100 * S,
				       .cookie = cookie,
				       .len = sizeof(ev),
				       .kind = WIRE_LEAK,
				       .parts = WIRE_PART_TASK | WIRE_PART_IDENT,
				       .old_state = state,
				       .new_state = state},
			       .rcv_nxt = 5 + waiting,
			       .copied_seq = 5,
			       .write_seq = 70,
			       .snd_nxt = 50},
			 .fd = -1,
			 .since_ack_ns = 90 * S,
			 .since_data_ns = 90 * S},
	};

	sample_addresses(&t, AF_INET, "::ffff:10.0.0.1", 80, "::ffff:10.0.0.2", 40000);
	ev.ident = t.id;
	return ev;
}

static void held_by(struct stuck *ev, uint32_t pid, int fd)
{
	ev->task = (struct wire_task){.tgid = pid, .start_ns = pid * S, .comm = "worker"};
	ev->wire.fd = fd;
}

static void feed(struct leak_set *set, const struct stuck *ev)
{
	assert_true(wire_valid(&ev->wire.s.hdr, ev->wire.s.hdr.len));
	leak_set_feed(set, &ev->wire.s.hdr);
}

static void mark(struct leak_set *set, unsigned int kind)
{
	struct wire_mark ev = {.hdr = {.ts = 100 * S, .len = sizeof(ev), .kind = kind}};

	assert_true(wire_valid(&ev.hdr, sizeof(ev)));
	leak_set_feed(set, &ev.hdr);
}

static struct leak_set *new_set(uint32_t max)
{
	struct leak_set *set = calloc(1, sizeof(*set));

	assert_non_null(set);
	assert_int_equal(leak_set_init(set, max), 0);
	return set;
}

static void free_set(struct leak_set *set)
{
	leak_set_free(set);
	free(set);
}

static void causes(void **state)
{
	static const struct {
		uint32_t waiting;
		uint8_t flags, tcp_state;
		enum leak_cause cause;
		bool certain;
		uint32_t unread;
	} rows[] = {
		{0, 0, WIRE_CLOSE_WAIT, LEAK_EOF_READ_NOT_CLOSED, false, 0},
		{1, 0, WIRE_CLOSE_WAIT, LEAK_EOF_UNREAD, true, 0},
		{2, 0, WIRE_CLOSE_WAIT, LEAK_DATA_UNREAD, true, 1},
		{0x7fffffff, 0, WIRE_CLOSE_WAIT, LEAK_DATA_UNREAD, true, 0x7ffffffe},
		{UINT32_MAX, 0, WIRE_CLOSE_WAIT, LEAK_EOF_READ_NOT_CLOSED, false, 0}, /* urgent data: read ahead of the rest */
		{1, WIRE_SK_ORPHAN, WIRE_CLOSE_WAIT, LEAK_NEVER_ACCEPTED, true, 0},
		{101, WIRE_SK_ORPHAN, WIRE_CLOSE_WAIT, LEAK_NEVER_ACCEPTED, true, 100},
		{3, WIRE_SK_ORPHAN, WIRE_ESTABLISHED, LEAK_NEVER_ACCEPTED, true, 3}, /* no FIN yet */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct stuck ev = stuck(1, rows[i].tcp_state, rows[i].waiting);
		struct leak_verdict verdict;

		ev.wire.s.hdr.sk_flags = rows[i].flags;
		verdict = leak_judge(&ev.wire);
		if (verdict.cause != rows[i].cause || verdict.certain != rows[i].certain ||
		    verdict.unread_bytes != rows[i].unread)
			fail_msg("row %zu: %s, %u unread", i, leak_cause_name(verdict.cause), verdict.unread_bytes);
		assert_int_equal(verdict.unsent_bytes, 20);
	}
}

/* Somebody between the socket and its process takes the data out of the queue that the numbers are about. */
static void another_queue(void **state)
{
	struct stuck ev = stuck(1, WIRE_CLOSE_WAIT, 1);

	(void)state;
	assert_true(leak_judge(&ev.wire).certain);
	ev.wire.flags = WIRE_LEAK_PSOCK;
	assert_false(leak_judge(&ev.wire).certain);
	assert_true(leak_judge(&ev.wire).unread_unknown);
	ev.wire.flags = WIRE_LEAK_ULP;
	assert_false(leak_judge(&ev.wire).certain);
	ev.wire.flags = 0;
	ev.ident.flags = WIRE_ID_MPTCP;
	assert_false(leak_judge(&ev.wire).certain);
}

static void ages(void **state)
{
	struct stuck ev = stuck(1, WIRE_CLOSE_WAIT, 1);

	(void)state;
	ev.wire.since_ack_ns = 60 * S; /* idle: the last segment is the FIN */
	ev.wire.since_data_ns = 300 * S;
	ev.wire.delack_known = true;
	ev.wire.since_delack_ns = 60 * S - S / 25;
	assert_int_equal(leak_age_ns(&ev.wire), 60 * S);
	ev.wire.since_ack_ns = S; /* keepalive: the delayed ACK's timer remembers */
	assert_int_equal(leak_age_ns(&ev.wire), 60 * S - S / 25);
	ev.wire.since_data_ns = 50 * S; /* data later than that ACK, acknowledged at once with the FIN */
	assert_int_equal(leak_age_ns(&ev.wire), 50 * S);
	ev.wire.delack_known = false; /* no ACK was ever delayed */
	ev.wire.since_delack_ns = 0;
	ev.wire.since_data_ns = 55 * S;
	assert_int_equal(leak_age_ns(&ev.wire), 55 * S);
	ev.wire.s.hdr.old_state = WIRE_FIN_WAIT2; /* the peer may still send: only the last segment counts */
	assert_int_equal(leak_age_ns(&ev.wire), S);
}

static void holders(void **state)
{
	struct leak_set *set = new_set(100);
	struct stuck ev = stuck(7, WIRE_CLOSE_WAIT, 0);
	const struct leak_socket *socket;
	uint32_t i;

	(void)state;
	mark(set, WIRE_LEAK_BEGIN);
	held_by(&ev, 300, 9);
	feed(set, &ev);
	held_by(&ev, 200, 5); /* the parent, which is older */
	feed(set, &ev);
	feed(set, &(struct stuck){.wire = ev.wire, .ident = ev.ident}); /* by namespace, without a process */
	mark(set, WIRE_LEAK_END);

	assert_int_equal(pool_count(&set->sockets), 1);
	socket = leak_set_find(set, 7);
	assert_non_null(socket);
	assert_null(leak_set_find(set, 8));
	assert_int_equal(socket->holders, 2);
	assert_int_equal(socket->t.task.tgid, 200);
	assert_int_equal(socket->t.from, CONN_FROM_SCAN);
	i = socket->first_holder;
	assert_int_equal(set->holders[i].fd, 9);
	i = set->holders[i].next;
	assert_int_equal(set->holders[i].task.tgid, 200);
	assert_int_equal(set->holders[i].next, LEAK_NONE);
	mark(set, WIRE_LEAK_BEGIN);
	assert_int_equal(pool_count(&set->sockets), 0);
	assert_null(leak_set_find(set, 7));
	free_set(set);
}

/* Who listens is to blame, even where its own socket is met later; not who listens elsewhere. */
static void accept_queue(void **state)
{
	struct leak_set *set = new_set(100);
	struct stuck ev = stuck(7, WIRE_CLOSE_WAIT, 1), listener = stuck(3, WIRE_LISTEN, 0), other = listener;
	const struct leak_socket *socket;

	(void)state;
	ev.wire.s.hdr.sk_flags = WIRE_SK_ORPHAN;
	held_by(&listener, 200, 3);
	held_by(&other, 201, 3);
	other.wire.s.hdr.cookie = 4;
	other.ident.netns++;
	mark(set, WIRE_LEAK_BEGIN);
	feed(set, &other);
	feed(set, &ev);
	feed(set, &listener);
	mark(set, WIRE_LEAK_END);
	assert_int_equal(pool_count(&set->sockets), 1);
	socket = pool_at(&set->sockets, 1);
	assert_int_equal(socket->t.from, CONN_FROM_LISTENER);
	assert_int_equal(socket->t.task.tgid, 200);
	assert_int_equal(socket->t.role, CONN_SERVER);
	assert_int_equal(socket->holders, 0);
	free_set(set);
}

/* Two processes listen on one port: the queue says whose it is, and without it nobody is named. */
static void accept_queues_of_one_port(void **state)
{
	struct leak_set *set = new_set(100);
	struct stuck one = stuck(3, WIRE_LISTEN, 0), other = stuck(4, WIRE_LISTEN, 0);
	struct {
		struct stuck stuck;
		struct wire_leak_queue queue;
	} queued = {stuck(7, WIRE_CLOSE_WAIT, 1), {4}}, unread = {stuck(8, WIRE_CLOSE_WAIT, 1), {0}};

	(void)state;
	held_by(&one, 200, 3);
	held_by(&other, 201, 3);
	queued.stuck.wire.s.hdr.sk_flags = unread.stuck.wire.s.hdr.sk_flags = WIRE_SK_ORPHAN;
	queued.stuck.wire.s.hdr.len = unread.stuck.wire.s.hdr.len = sizeof(queued);
	mark(set, WIRE_LEAK_BEGIN);
	feed(set, &one);
	feed(set, &other);
	feed(set, &queued.stuck);
	feed(set, &unread.stuck);
	mark(set, WIRE_LEAK_END);
	assert_int_equal(leak_set_find(set, 7)->t.from, CONN_FROM_LISTENER);
	assert_int_equal(leak_set_find(set, 7)->t.task.tgid, 201);
	assert_int_equal(leak_set_find(set, 8)->t.from, CONN_FROM_NONE);
	mark(set, WIRE_LEAK_BEGIN); /* both are gone */
	mark(set, WIRE_LEAK_END);
	held_by(&other, 200, 4); /* both are one process's */
	mark(set, WIRE_LEAK_BEGIN);
	feed(set, &one);
	feed(set, &other);
	feed(set, &unread.stuck);
	mark(set, WIRE_LEAK_END);
	assert_int_equal(leak_set_find(set, 8)->t.task.tgid, 200);
	free_set(set);
}

static void bounded(void **state)
{
	struct leak_set *set = new_set(1000);

	(void)state;
	mark(set, WIRE_LEAK_BEGIN);
	for (uint64_t cookie = 1; cookie <= 1500; cookie++) {
		struct stuck ev = stuck(cookie, WIRE_CLOSE_WAIT, 1);

		held_by(&ev, 200, (int)cookie);
		feed(set, &ev);
	}
	mark(set, WIRE_LEAK_END);
	/* the arrays grow by doubling: the bound may be passed by one step, and what is beyond is counted */
	assert_in_range(pool_count(&set->sockets), 1000, 1024);
	assert_int_equal(pool_count(&set->sockets) + set->lost, 1500);
	for (uint64_t cookie = 1; cookie <= 1000; cookie++)
		assert_non_null(leak_set_find(set, cookie));
	free_set(set);
}

/* 30 of pid 200 whose data was not read, 10 of pid 201 that were not closed, one of both. */
static struct leak_set *sample_set(void)
{
	struct leak_set *set = new_set(100);

	mark(set, WIRE_LEAK_BEGIN);
	for (uint64_t cookie = 1; cookie <= 41; cookie++) {
		struct stuck ev = stuck(cookie, WIRE_CLOSE_WAIT, cookie <= 30 ? 121 : 0);

		ev.wire.since_ack_ns = cookie * S;
		held_by(&ev, cookie <= 30 ? 200 : 201, (int)cookie);
		ev.ident.cgroup_id = 1 + cookie % 2;
		ev.ident.peer_addr[15] = cookie % 4;
		feed(set, &ev);
		if (cookie != 41)
			continue;
		held_by(&ev, 500, 4);
		feed(set, &ev);
	}
	mark(set, WIRE_LEAK_END);
	return set;
}

static bool is_odd(void *ctx, const struct leak_socket *socket)
{
	(void)ctx;
	return socket->t.cookie % 2;
}

static void groups(void **state)
{
	struct leak_set *set = sample_set();
	struct leak_groups g = {0};
	const struct leak_group *group;
	struct leak_totals totals = leak_set_totals(set, 35 * S, NULL, NULL);

	(void)state;
	assert_int_equal(totals.close_wait, 41);
	assert_int_equal(totals.close_wait_over, 41); /* since_data is 90 s */
	assert_int_equal(leak_groups_init(&g, LEAK_BY_PROCESS), 0);
	assert_int_equal(leak_groups_fill(&g, set,
					  &(struct leak_choice){
						  .states = 1u << WIRE_CLOSE_WAIT, .threshold_ns = 35 * S, .wanted = NULL}),
			 0);
	assert_int_equal(g.len, 2);
	group = g.order[0];
	assert_int_equal(group->count, 30);
	assert_int_equal(group->unread_bytes, 30 * 120);
	assert_int_equal(group->inherited, 0);
	assert_int_equal(group->fds_all, 30);
	assert_int_equal(group->fds_len, LEAK_GROUP_FDS);
	assert_int_equal(group->before, 0);
	group = g.order[1];
	assert_int_equal(group->count, 11);
	assert_int_equal(group->inherited, 1);
	assert_ptr_equal(leak_groups_of(&g, leak_set_find(set, 41)), group);

	assert_int_equal(leak_groups_fill(&g, set,
					  &(struct leak_choice){
						  .states = 1u << WIRE_CLOSE_WAIT, .threshold_ns = 35 * S, .wanted = is_odd}),
			 0);
	assert_int_equal(g.order[0]->count, 15);
	assert_int_equal(g.order[0]->before, 30);
	assert_int_equal(g.order[0]->fds_all, 15);
	assert_int_equal(
		leak_groups_fill(&g, set,
				 &(struct leak_choice){.states = 1u << WIRE_FIN_WAIT2, .threshold_ns = 35 * S, .wanted = NULL}),
		0);
	assert_int_equal(g.len, 0);
	leak_groups_free(&g);

	assert_int_equal(leak_groups_init(&g, LEAK_BY_PEER), 0);
	assert_int_equal(leak_groups_fill(&g, set,
					  &(struct leak_choice){
						  .states = 1u << WIRE_CLOSE_WAIT, .threshold_ns = 35 * S, .wanted = NULL}),
			 0);
	assert_int_equal(g.len, 8); /* four peers, two causes */
	leak_groups_free(&g);
	assert_int_equal(leak_groups_init(&g, LEAK_BY_CGROUP), 0);
	assert_int_equal(leak_groups_fill(&g, set,
					  &(struct leak_choice){
						  .states = 1u << WIRE_CLOSE_WAIT, .threshold_ns = 35 * S, .wanted = NULL}),
			 0);
	assert_int_equal(g.len, 4);
	for (size_t i = 1; i < 4; i++)
		assert_true(g.order[i - 1]->count >= g.order[i]->count);
	leak_groups_free(&g);
	free_set(set);
}

static char out[65536];

static const char *text_of(const struct leak_set *set, enum leak_by by, uint64_t watch_ns)
{
	const struct leak_view view = {.by = by, .threshold_ns = 60 * S, .watch_ns = watch_ns};
	struct leak_totals totals = leak_set_totals(set, view.threshold_ns, NULL, NULL);
	struct leak_groups g = {0};
	struct buf b;

	buf_init(&b, out, sizeof(out) - 1);
	assert_int_equal(leak_groups_init(&g, by), 0);
	assert_int_equal(leak_groups_fill(&g, set,
					  &(struct leak_choice){.states = 1u << WIRE_CLOSE_WAIT,
								.threshold_ns = view.threshold_ns,
								.wanted = NULL}),
			 0);
	leak_text_head(&b, &view, &totals);
	for (size_t i = 0; i < g.len; i++)
		leak_text_group(&b, &view, g.order[i], &sample_owner);
	leak_groups_free(&g);
	assert_false(b.overflow);
	*b.p = '\0';
	return out;
}

static void text(void **state)
{
	struct leak_set *set = sample_set(), *empty = new_set(10);

	(void)state;
	assert_string_equal(text_of(empty, LEAK_BY_PROCESS, 0), "No socket is in CLOSE_WAIT.\n");
	assert_string_equal(
		text_of(set, LEAK_BY_PROCESS, 0),
		"41 sockets are in CLOSE_WAIT, closed by the peer but not here; 41 for over 1m00s, the oldest for 1m30s.\n"
		"\n"
		"  COUNT   OVER   OLDEST CAUSE               PROCESS                  FDS\n"
		"     30     30   >1m30s data_unread         worker[200]              1 2 3 4 5 6 7 8 ...\n"
		"        the oldest: 10.0.0.1:80 from 10.0.0.1:40000, 120 bytes unread\n"
		"        The process stopped reading. Find the worker that should read these descriptors: "
		"it is stuck or lost them.\n"
		"     11     11   >1m30s eof_read_not_closed worker[201]              31 32 33 34 35 36 37 38 ...\n"
		"        the oldest: 10.0.0.1:80 from 10.0.0.3:40000\n"
		"        recv() returned 0 and close() was never called. Read the code that follows recv(), "
		"error paths first.\n"
		"        Other processes also hold 1 of them (by fork(), or passed on): each must close it. "
		"SOCK_CLOEXEC prevents this.\n");
	text_of(set, LEAK_BY_PROCESS, 30 * S);
	assert_non_null(strstr(out, "  +/MIN CAUSE"));
	assert_non_null(strstr(out, "     +59 data_unread")); /* never rounded up */
	text_of(set, LEAK_BY_CGROUP, 0);
	assert_non_null(strstr(out, "eof_read_not_closed /user.slice/session-1.scope\n"));
	assert_non_null(strstr(out, " of worker[201] fd "));
	free_set(empty);
	free_set(set);
}

/* No byte of a name reaches the terminal unless it prints, and no line is wider than 120 columns. */
static void hostile_text(void **state)
{
	struct leak_set *set = new_set(100);
	struct stuck ev = stuck(1, WIRE_CLOSE_WAIT, UINT32_MAX >> 1);
	char *line, *rest = out;

	(void)state;
	held_by(&ev, 4194304, 1 << 20);
	memcpy(ev.task.comm, "\033[2J\n\xff\r\t\x7f a\x1b\x9b\x01\0", WIRE_COMM_LEN);
	ev.task.comm[WIRE_COMM_LEN - 1] = '\0';
	mark(set, WIRE_LEAK_BEGIN);
	feed(set, &ev);
	mark(set, WIRE_LEAK_END);
	text_of(set, LEAK_BY_PROCESS, S);
	assert_non_null(strstr(out, "\\x1b[2J\\x0a"));
	for (const unsigned char *p = (const unsigned char *)out; *p; p++)
		assert_true(*p == '\n' || (*p >= ' ' && *p < 0x7f));
	while ((line = strsep(&rest, "\n")))
		assert_true(strlen(line) <= 120);
	free_set(set);
}

static void many_for_long(void **state)
{
	const struct leak_view view = {.threshold_ns = 59 * 60 * S};
	const struct leak_totals totals = {.close_wait = 1000000, .close_wait_over = 1000000, .oldest_ns = 59 * 86400 * S};
	struct buf b;

	(void)state;
	buf_init(&b, out, sizeof(out));
	leak_text_head(&b, &view, &totals);
	assert_in_range(strcspn(out, "\n"), 1, 120);
}

static void nothing_selected(void **state)
{
	static const char *const heads[] = {"No socket is in CLOSE_WAIT.\n", "The only socket in CLOSE_WAIT does not match.\n",
					    "None of the 2 sockets in CLOSE_WAIT matches.\n"};
	const struct leak_view view = {.threshold_ns = 60 * S};
	char out[200];
	struct buf b;

	(void)state;
	for (uint64_t any = 0; any < sizeof(heads) / sizeof(heads[0]); any++) {
		buf_init(&b, out, sizeof(out));
		leak_text_head(&b, &view, &(struct leak_totals){.close_wait_any = any});
		*b.p = '\0';
		assert_string_equal(out, heads[any]);
	}
}

static void time_and_no_header(void **state)
{
	const struct leak_view view = {.threshold_ns = 60 * S, .wall_ns = 1764457200123456789, .no_header = true};
	struct buf b;

	(void)state;
	buf_init(&b, out, sizeof(out));
	leak_text_head(&b, &view, &(struct leak_totals){.close_wait = 1});
	*b.p = '\0';
	assert_ptr_equal(strstr(out, "2025-11-29T23:00:00.123456Z\n1 socket is in CLOSE_WAIT"), out);
	assert_null(strstr(out, "COUNT"));
}

static struct record_owner json_owner;

static size_t json_of(const struct leak_set *set, uint64_t cookie)
{
	static const struct format_options options;
	const struct leak_record leak = {.socket = leak_set_find(set, cookie),
					 .holders = set->holders,
					 .threshold_ns = 60 * S,
					 .alert.id = cookie,
					 .count = 1,
					 .group_open = 11,
					 .growth_known = true,
					 .growth_per_min = -6};
	const struct record rec = {.kind = RECORD_CLOSE_WAIT_LEAK, .ts = 100 * S, .leak = &leak};
	const struct record_stack *stack = json_owner.stack;
	const struct format_input in = {
		.context = &sample_context, .options = &options, .rec = &rec, .owner = &json_owner, .seq = 5};
	size_t len;

	json_owner = sample_owner;
	json_owner.stack = stack;
	len = format_json.format(&in, out, FORMAT_LINE_MAX);

	out[len] = '\0';
	return len;
}

static void json(void **state)
{
	struct leak_set *set = sample_set();

	(void)state;
	json_of(set, 41);
	assert_non_null(strstr(
		out,
		"\"alert_id\":\"7c9e6679.29\",\"in_state_us\":90000000,\"age_is_lower_bound\":true,\"threshold_us\":60000000,"
		"\"cause\":\"eof_read_not_closed\",\"cause_certain\":false,\"unread_bytes\":0,\"unsent_bytes\":20,"
		"\"holders\":[{\"pid\":201,\"comm\":\"worker\",\"fd\":41},{\"pid\":500,\"comm\":\"worker\",\"fd\":4}],"
		"\"group_open\":11,\"group_growth_per_min\":-6,\"hint\":\"recv() returned 0"));
	free_set(set);
}

static void json_stacks(void **state)
{
	struct leak_set *set = sample_set();
	const struct record_stack whole = {"accept+0x7 (libc.so.6)\nmain (\"a\".c:7)", WIRE_STACK_WHOLE, true};
	const struct record_stack cut = {"connect", WIRE_STACK_CUT, false};
	const struct record_stack gone = {"", WIRE_STACK_PROCESS_GONE, true};

	(void)state;
	json_owner.stack = &whole;
	json_of(set, 41);
	assert_non_null(strstr(
		out, ",\"stack\":[\"accept+0x7 (libc.so.6)\",\"main (\\\"a\\\".c:7)\"],\"stack_of\":\"accept\",\"hint\""));
	json_owner.stack = &cut;
	json_of(set, 41);
	assert_non_null(strstr(out, ",\"stack\":[\"connect\"],\"stack_of\":\"connect\",\"stack_note\":\"cut\",\"hint\""));
	json_owner.stack = &gone;
	json_of(set, 41);
	assert_non_null(strstr(out, ",\"stack\":null,\"stack_note\":\"process_gone\",\"hint\""));
	json_owner.stack = NULL;
	json_of(set, 41);
	assert_null(strstr(out, "stack"));
	free_set(set);
}

/* One line, the innermost frames; a recording may hold any bytes. */
static void text_alert(void **state)
{
	static const struct format_options options;
	const struct record_stack stack = {"a\x1b[2J\nb\nc\nd\ne", WIRE_STACK_WHOLE, false};
	struct record_owner owner = {.stack = &stack};
	struct leak_set *set = sample_set();
	const struct leak_record leak = {.socket = leak_set_find(set, 41), .holders = set->holders, .count = 1};
	const struct record rec = {.kind = RECORD_CLOSE_WAIT_LEAK, .ts = 100 * S, .leak = &leak};
	const struct format_input in = {.context = &sample_context, .options = &options, .rec = &rec, .owner = &owner};

	(void)state;
	out[format_text.format(&in, out, FORMAT_LINE_MAX)] = '\0';
	assert_non_null(strstr(out, " fd 41 by connect() in a\\x1b[2J < b < c < d\n"));
	free_set(set);
}

/* The commonest first; each once. */
static void text_stacks(void **state)
{
	const struct record_stack whole = {"accept+0x7 (libc.so.6)\nmain (a.c:7)", WIRE_STACK_WHOLE, true};
	const struct record_stack gone = {"", WIRE_STACK_PROCESS_GONE, true};
	struct leak_stack_count counts[2] = {0};
	struct buf b;

	(void)state;
	leak_stack_add(counts, 2, &gone);
	leak_stack_add(counts, 2, NULL);
	for (int i = 0; i < 3; i++)
		leak_stack_add(counts, 2, &whole);
	leak_stack_add(counts, 2, &(struct record_stack){"no room", WIRE_STACK_CUT, true});
	buf_init(&b, out, sizeof(out) - 1);
	while (leak_text_stack(&b, counts, 2))
		;
	*b.p = '\0';
	assert_string_equal(out, "            3 were opened by accept() in\n"
				 "                accept+0x7 (libc.so.6)\n"
				 "                main (a.c:7)\n"
				 "            1 was opened by a process that ended before its stack was read.\n");
}

/* 1000 holders with the longest names: the line is whole, and says how many it has no room for. */
static void json_bounded(void **state)
{
	struct leak_set *set = new_set(1000);
	const char *dropped;
	size_t shown = 0;

	(void)state;
	mark(set, WIRE_LEAK_BEGIN);
	for (int i = 0; i < 1000; i++) {
		struct stuck ev = stuck(1, WIRE_CLOSE_WAIT, 0);

		held_by(&ev, 1000 + i, i);
		memcpy(ev.task.comm, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", WIRE_COMM_LEN);
		feed(set, &ev);
	}
	mark(set, WIRE_LEAK_END);
	assert_in_range(json_of(set, 1), 7000, FORMAT_LINE_MAX);
	assert_true(out[strlen(out) - 1] == '\n' && out[strlen(out) - 2] == '}');
	for (const char *p = out; (p = strstr(p, "\"comm_hex\"")); p++)
		shown++;
	dropped = strstr(out, "\"holders_dropped\":");
	assert_non_null(dropped);
	assert_int_equal(shown - 1 + strtoul(dropped + strlen("\"holders_dropped\":"), NULL, 10), 1000); /* one is `process` */
	free_set(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(causes),
		cmocka_unit_test(another_queue),
		cmocka_unit_test(ages),
		cmocka_unit_test(holders),
		cmocka_unit_test(accept_queue),
		cmocka_unit_test(accept_queues_of_one_port),
		cmocka_unit_test(bounded),
		cmocka_unit_test(groups),
		cmocka_unit_test(text),
		cmocka_unit_test(time_and_no_header),
		cmocka_unit_test(nothing_selected),
		cmocka_unit_test(hostile_text),
		cmocka_unit_test(many_for_long),
		cmocka_unit_test(json),
		cmocka_unit_test(json_bounded),
		cmocka_unit_test(json_stacks),
		cmocka_unit_test(text_stacks),
		cmocka_unit_test(text_alert),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
