// SPDX-License-Identifier: GPL-2.0-only
/* Leaks: cause and age from a scan, who holds a socket, groups, and what people and pipelines are shown of it. */
#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/core/leak_looks.h"
#include "src/core/wire_read.h"
#include "src/format/leak_hint.h"
#include "src/format/leak_text.h"

#define S SAMPLE_S

struct stuck {
	struct wire_leak wire;
	struct wire_task task;
	struct wire_ident ident;
};

/* With the parts behind it that newer recordings have. */
struct whole {
	struct stuck stuck;
	struct wire_leak_queue queue;
	struct wire_queue at;
	struct wire_leak_use use;
};

static const struct hash_key hash_key = {0x123456789abcdef, 42};

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
	assert_int_equal(leak_set_init(set, max, &hash_key), 0);
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

/* A few last words and the FIN, after a time in which it sent nothing: each row lacks one of these, but for the first ones. */
static void idle_pools(void **state)
{
	static const struct {
		uint64_t since_sent, since_data, since_ack, since_delack; /* since_delack 0: not known */
		uint32_t unread;
		uint16_t flags;
		bool no_tail, idle;
	} rows[] = {
		{100 * S, 60 * S, 60 * S, 0, 31, WIRE_LEAK_OPENED, false, true},
		{61 * S, 60 * S, 59 * S, 0, 4096, WIRE_LEAK_OPENED, false, true},
		{100 * S, 60 * S, S, 60 * S - S / 5, 31, WIRE_LEAK_OPENED, false, true}, /* keepalive answered later */
		{100 * S, 60 * S, 61 * S, 0, 31, WIRE_LEAK_OPENED, false, true},       /* cannot be, and is no reason to fail */
		{61 * S - 1, 60 * S, 60 * S, 0, 31, WIRE_LEAK_OPENED, false, false},   /* an answer that nobody reads */
		{10 * S, 60 * S, 60 * S, 0, 31, WIRE_LEAK_OPENED, false, false},       /* it has sent something since */
		{100 * S, 60 * S, 50 * S, 50 * S, 31, WIRE_LEAK_OPENED, false, false}, /* the FIN came much later */
		{100 * S, 60 * S, 60 * S, 0, 4097, WIRE_LEAK_OPENED, false, false},
		{100 * S, 60 * S, 60 * S, 0, 31, WIRE_LEAK_ACCEPTED, false, false},
		{100 * S, 60 * S, 60 * S, 0, 31, 0, false, false},
		{100 * S, 60 * S, 60 * S, 0, 31, WIRE_LEAK_OPENED | WIRE_LEAK_ULP, false, false},
		{100 * S, 60 * S, 60 * S, 0, 31, WIRE_LEAK_OPENED, true, false}, /* an older recording */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct whole ev = {.stuck = stuck(1, WIRE_CLOSE_WAIT, rows[i].unread + 1), .use = {rows[i].since_sent}};
		struct wire_leak *wire = &ev.stuck.wire;
		struct leak_verdict verdict;

		wire->s.hdr.len = rows[i].no_tail ? sizeof(ev) - sizeof(ev.use) : sizeof(ev);
		wire->flags = rows[i].flags;
		wire->since_data_ns = rows[i].since_data;
		wire->since_ack_ns = rows[i].since_ack;
		wire->delack_known = rows[i].since_delack != 0;
		wire->since_delack_ns = rows[i].since_delack;
		assert_true(wire_valid(&wire->s.hdr, wire->s.hdr.len));
		verdict = leak_judge(wire);
		if (verdict.cause != (rows[i].idle ? LEAK_IDLE_POOLED : LEAK_DATA_UNREAD))
			fail_msg("row %zu: %s", i, leak_cause_name(verdict.cause));
		if (rows[i].idle)
			assert_false(verdict.certain);
		assert_int_equal(verdict.unread_bytes, rows[i].unread);
	}
}

/* Its process used another socket after the peer had ended this one, or before it, or never; or another process did. */
static void others_in_use(void **state)
{
	static const struct {
		uint64_t since_sent, since_data; /* of the other socket */
		uint32_t pid;
		uint16_t flags;
		bool used;
	} rows[] = {
		{30 * S, 2 * S, 200, 0, true}, /* received */
		{2 * S, 30 * S, 200, 0, true},
		{60 * S, 61 * S, 200, 0, false}, /* before */
		{2 * S, 2 * S, 201, 0, false},
		{2 * S, 2 * S, 200, WIRE_LEAK_HELD, true}, /* a child holds it, too */
		{2 * S, 2 * S, 200, WIRE_LEAK_HELD | WIRE_LEAK_STRANGER, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct whole leak = {.stuck = stuck(7, WIRE_CLOSE_WAIT, 32), .use = {100 * S}},
			     other = {.stuck = stuck(8, WIRE_ESTABLISHED, 0)};
		struct leak_set *set = new_set(10);
		const struct leak_socket *socket;

		leak.stuck.wire.s.hdr.len = other.stuck.wire.s.hdr.len = sizeof(leak);
		leak.stuck.wire.flags = WIRE_LEAK_OPENED;
		leak.stuck.wire.since_ack_ns = leak.stuck.wire.since_data_ns = 60 * S;
		other.stuck.wire.since_data_ns = rows[i].since_data;
		other.use.since_sent_ns = rows[i].since_sent;
		other.stuck.wire.flags = rows[i].flags;
		held_by(&leak.stuck, 200, 3);
		held_by(&other.stuck, rows[i].pid, 4);
		mark(set, WIRE_LEAK_BEGIN);
		feed(set, &leak.stuck);
		feed(set, &other.stuck);
		other.stuck.wire.since_data_ns = other.use.since_sent_ns = 90 * S; /* one that is used less */
		feed(set, &other.stuck);
		mark(set, WIRE_LEAK_END);

		assert_int_equal(leak_set_find(set, 8) != NULL, (rows[i].flags & WIRE_LEAK_HELD) != 0);
		socket = leak_set_find(set, 7);
		assert_int_equal(socket->verdict.cause, LEAK_IDLE_POOLED);
		assert_false(socket->verdict.certain);
		assert_true(socket->sent_known && socket->sent_ns == 100 * S);
		assert_int_equal(socket->others_used, rows[i].used);
		if (rows[i].used)
			assert_int_equal(socket->others_used_ns, 2 * S);
		assert_non_null(
			strstr(leak_hint(socket, false), rows[i].used ? "others were used since" : "or its process is stuck"));
		mark(set, WIRE_LEAK_BEGIN); /* what the scan before saw is forgotten */
		feed(set, &leak.stuck);
		mark(set, WIRE_LEAK_END);
		assert_false(leak_set_find(set, 7)->others_used);
		free_set(set);
	}
}

/* Who holds it is not who opened it: by the ages of the holders, by what a trace knows, or by both. */
static void inherited(void **state)
{
	static const struct {
		bool stranger[2];
		int fds[2];
		uint32_t opener; /* 0: not known */
		uint32_t waiting;
		uint8_t sk_flags;
		enum leak_cause cause;
		bool certain;
	} rows[] = {
		{{true, true}, {3, 4}, 0, 1, 0, LEAK_INHERITED, false},
		{{true, true}, {3, 4}, 100, 1, 0, LEAK_INHERITED, true},
		{{true, true}, {3, 4}, 100, 0, 0, LEAK_INHERITED, true},
		{{true, true}, {3, 4}, 100, 9, 0, LEAK_INHERITED, true},
		{{false, true}, {3, 4}, 100, 1, 0, LEAK_INHERITED, false}, /* one of them may have got it on purpose */
		{{false, true}, {3, 4}, 0, 1, 0, LEAK_EOF_UNREAD, true},
		{{true, true}, {0, 4}, 0, 1, 0, LEAK_EOF_UNREAD, true}, /* as from inetd */
		{{false, true}, {3, 4}, 200, 1, 0, LEAK_EOF_UNREAD, true},
		{{false, false}, {3, 4}, 0, 9, 0, LEAK_DATA_UNREAD, true},
	};
	const struct process *owner;
	struct leak_socket socket;
	struct process opener;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct leak_set *set = new_set(10);
		struct stuck ev = stuck(7, WIRE_CLOSE_WAIT, rows[i].waiting);

		mark(set, WIRE_LEAK_BEGIN);
		for (unsigned int h = 0; h < 2; h++) {
			held_by(&ev, 200 + h, rows[i].fds[h]);
			ev.wire.flags = rows[i].stranger[h] ? WIRE_LEAK_STRANGER : 0;
			feed(set, &ev);
		}
		mark(set, WIRE_LEAK_END);
		socket = *leak_set_find(set, 7);
		opener = (struct process){.task = {.tgid = rows[i].opener, .start_ns = rows[i].opener * S, .comm = "opener"}};
		owner = rows[i].opener ? &opener : NULL;
		if (owner)
			leak_judge_holders(&socket, set->holders, owner);
		if (socket.verdict.cause != rows[i].cause || socket.verdict.certain != rows[i].certain)
			fail_msg("row %zu: %s, %d", i, leak_cause_name(socket.verdict.cause), socket.verdict.certain);
		assert_int_equal(socket.opener.tgid, rows[i].opener == 100 ? 100 : 0);
		free_set(set);
	}
}

/* Somebody between the socket and its process takes the data out of the queue that the numbers are about. */
/* Who opened it has ended, if the stream says so within the scan; another process may have its pid now. */
static void opener_that_ended(void **state)
{
	const struct process opener = {.task = {.tgid = 100, .start_ns = 7, .comm = "opener"}};
	struct wire_exit ev = {.hdr = {.ts = 100 * S, .len = sizeof(ev), .kind = WIRE_EXIT}, .tgid = 100, .start_ns = 8};
	struct leak_set *set = new_set(8);
	struct stuck stuck_one = stuck(1, WIRE_CLOSE_WAIT, 1);
	struct leak_socket socket;

	(void)state;
	held_by(&stuck_one, 200, 7);
	for (unsigned int i = 0; i < 3; i++) {
		mark(set, WIRE_LEAK_BEGIN);
		feed(set, &stuck_one);
		ev.start_ns = i == 1 ? 7 : 8;
		for (unsigned int n = 0; n < 2 * LEAK_ENDED_MAX; n++)
			leak_set_feed(set, &ev.hdr);
		mark(set, WIRE_LEAK_END);
		socket = *leak_set_find(set, 1);
		leak_set_judge_owner(set, &socket, &opener);
		assert_int_equal(socket.opener.tgid, 100);
		assert_int_equal(socket.opener_ended, i == 1);
	}
	free_set(set);
}

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

/* What ss -K ended is no leak any more, but its descriptor is named. */
static void killed(void **state)
{
	const struct leak_view view = {.by = LEAK_BY_DEFAULT};
	struct leak_set *set = new_set(10);
	struct leak_groups g = {0};
	struct leak_totals totals;
	static char text[1000];
	struct buf b;

	(void)state;
	mark(set, WIRE_LEAK_BEGIN);
	for (uint64_t cookie = 1; cookie <= 3; cookie++) {
		struct stuck ev = stuck(cookie, cookie == 3 ? WIRE_CLOSE_WAIT : WIRE_CLOSE, (uint32_t)cookie);

		held_by(&ev, 200, (int)cookie + 4);
		feed(set, &ev);
	}
	mark(set, WIRE_LEAK_END);
	totals = leak_set_totals(set, S, NULL, NULL);
	assert_int_equal(totals.killed, 2);
	assert_int_equal(totals.close_wait, 1);
	assert_int_equal(leak_groups_init(&g, LEAK_BY(PROCESS), NULL, &hash_key), 0);
	assert_int_equal(leak_groups_fill(&g, set, &(struct leak_choice){.states = 1u << WIRE_CLOSE}), 0);
	assert_int_equal(g.len, 1); /* whatever was unread */
	buf_init(&b, text, sizeof(text) - 1);
	leak_text_killed_head(&b, &totals);
	leak_text_killed(&b, &view, g.order[0]);
	*b.p = '\0';
	assert_string_equal(text,
			    "\n2 sockets were ended from outside (ss -K) and not closed: a descriptor of each is still held:\n"
			    "      2 of worker[200]; fds 5 6; it closes them when it reads the error, or ends\n");
	leak_groups_free(&g);
	free_set(set);
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
	assert_int_equal(leak_groups_init(&g, LEAK_BY(PROCESS), NULL, &hash_key), 0);
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

	assert_int_equal(leak_groups_init(&g, LEAK_BY(PEER), NULL, &hash_key), 0);
	assert_int_equal(leak_groups_fill(&g, set,
					  &(struct leak_choice){
						  .states = 1u << WIRE_CLOSE_WAIT, .threshold_ns = 35 * S, .wanted = NULL}),
			 0);
	assert_int_equal(g.len, 8); /* four peers, two causes */
	leak_groups_free(&g);
	assert_int_equal(leak_groups_init(&g, LEAK_BY(CGROUP), NULL, &hash_key), 0);
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

/* Which side a socket is: by its own numbers, else by who listens now, and only then it is not certain. */
static void sides(void **state)
{
	struct leak_set *set = new_set(100);
	struct stuck ev = stuck(1, WIRE_CLOSE_WAIT, 0), listener = stuck(9, WIRE_LISTEN, 0),
		     other = stuck(5, WIRE_CLOSE_WAIT, 0);

	(void)state;
	memset(listener.ident.local_addr, 0, sizeof(listener.ident.local_addr)); /* a wildcard */
	other.ident.local_port = 81;
	mark(set, WIRE_LEAK_BEGIN);
	feed(set, &listener);
	feed(set, &ev); /* shows nothing, and somebody listens */
	feed(set, &other);
	ev.wire.s.hdr.cookie = 2;
	ev.wire.flags = WIRE_LEAK_OPENED; /* from a port that somebody listens at */
	feed(set, &ev);
	ev.wire.s.hdr.cookie = 3;
	ev.wire.flags = WIRE_LEAK_ACCEPTED;
	ev.ident.local_port = 81;
	feed(set, &ev);
	mark(set, WIRE_LEAK_END);
	assert_false(leak_set_find(set, 1)->opened || leak_set_find(set, 1)->side_certain);
	assert_int_equal(leak_set_find(set, 1)->t.role, CONN_ROLE_UNKNOWN);
	assert_true(leak_set_find(set, 5)->opened && !leak_set_find(set, 5)->side_certain);
	assert_true(leak_set_find(set, 2)->opened && leak_set_find(set, 2)->side_certain);
	assert_int_equal(leak_set_find(set, 2)->t.role, CONN_CLIENT);
	assert_true(!leak_set_find(set, 3)->opened && leak_set_find(set, 3)->side_certain);
	assert_int_equal(leak_set_find(set, 3)->t.role, CONN_SERVER);
	assert_true(leak_set_find(set, 3)->verdict.certain == false); /* the side is no queue of another's */
	free_set(set);
}

/* Of a struct leak_names: two units, three containers. */
static uint64_t number(void *ctx, enum leak_by by, const struct leak_socket *socket)
{
	(void)ctx;
	return socket->t.cookie % (by == LEAK_BY_UNIT ? 2 : 3);
}

/* A process with connections of its own to 5 backends, and with clients at 2 ports: 120 sockets of one cause. */
static struct leak_set *backends(void)
{
	struct leak_set *set = new_set(200);

	mark(set, WIRE_LEAK_BEGIN);
	for (uint64_t i = 0; i < 120; i++) {
		struct stuck ev = stuck(1 + i, WIRE_CLOSE_WAIT, 0);
		bool opened = i < 60;

		held_by(&ev, 200 + i % 2, (int)i);
		ev.wire.flags = opened ? WIRE_LEAK_OPENED : WIRE_LEAK_ACCEPTED;
		ev.ident.local_port = opened ? 40000 + i : 80 + i % 4 / 2;
		ev.ident.peer_port = opened ? 5432 + i % 10 / 2 : 50000 + i;
		ev.ident.peer_addr[15] = opened ? 1 : i % 12 / 4;
		feed(set, &ev);
	}
	mark(set, WIRE_LEAK_END);
	return set;
}

/* Each socket stands once, with its group. */
static void members(void **state)
{
	struct leak_set *set = backends();
	struct leak_groups g = {0};
	const struct leak_socket *socket;
	uint64_t seen = 0, total = 0;

	(void)state;
	assert_int_equal(leak_groups_init(&g, LEAK_BY_DEFAULT, NULL, &hash_key), 0);
	for (unsigned int twice = 0; twice < 2; twice++) {
		assert_int_equal(leak_groups_fill(&g, set, &(struct leak_choice){.states = 1u << WIRE_CLOSE_WAIT}), 0);
		assert_true(g.len > 1);
		for (uint32_t i = 0; i < g.len; i++) {
			for (uint64_t m = 0; m < g.order[i]->count; m++) {
				socket = leak_group_member(&g, g.order[i], m);
				assert_ptr_equal(leak_groups_of(&g, socket), g.order[i]);
				seen += socket->t.cookie;
			}
		}
	}
	leak_set_for_each (socket, set)
		total += socket->t.cookie;
	assert_int_equal(seen, 2 * total);
	leak_groups_free(&g);
	free_set(set);
}

static void by_dependency(void **state)
{
	static const struct {
		uint32_t by, groups;
	} rows[] = {
		{LEAK_BY_DEFAULT, 2 * (5 + 2)},
		{LEAK_BY(DEPENDENCY), 5 + 2},
		{LEAK_BY(PEER), 5 + 3}, /* of clients the address alone */
		{LEAK_BY(LOCAL_PORT), 60 + 2},
		{LEAK_BY(PEER) | LEAK_BY(LOCAL_PORT), 60 + 2 * 3},
		{LEAK_BY(PROCESS), 2},
		{LEAK_BY(PROCESS) | LEAK_BY(PEER), 2 * (5 + 3)},
		{LEAK_BY(USER), 1},
		{LEAK_BY(UNIT), 2},
		{LEAK_BY(CONTAINER), 3},
		{LEAK_BY(CONTAINER) | LEAK_BY(UNIT), 6},
	};
	const struct leak_choice choice = {.states = 1u << WIRE_CLOSE_WAIT};
	const struct leak_names names = {number, NULL};
	struct leak_set *set = backends();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct leak_groups g = {0};
		uint64_t all = 0;

		assert_int_equal(leak_groups_init(&g, rows[i].by, &names, &hash_key), 0);
		assert_int_equal(leak_groups_fill(&g, set, &choice), 0);
		if (g.len != rows[i].groups)
			fail_msg("row %zu: %u groups", i, g.len);
		for (size_t k = 0; k < g.len; k++) {
			all += g.order[k]->count;
			assert_int_equal(g.order[k]->side_unclear, 0);
		}
		assert_int_equal(all, 120);
		leak_groups_free(&g);
	}
	free_set(set);
}

/* A scan that finds one leak in each of these processes. */
static void scan_processes(struct leak_set *set, uint32_t first_pid, uint32_t count)
{
	mark(set, WIRE_LEAK_BEGIN);
	for (uint32_t pid = first_pid; pid < first_pid + count; pid++) {
		struct stuck ev = stuck(pid, WIRE_CLOSE_WAIT, 1);

		held_by(&ev, pid, 4);
		feed(set, &ev);
	}
	mark(set, WIRE_LEAK_END);
}

/* Processes that leak and end, one after the other: a group that stays is found again, whatever has gone. */
static void groups_that_go(void **state)
{
	const struct leak_choice choice = {.states = 1u << WIRE_CLOSE_WAIT, .threshold_ns = S};
	struct leak_set *set = new_set(1000);
	struct leak_groups g = {0};

	(void)state;
	assert_int_equal(leak_groups_init(&g, LEAK_BY(PROCESS), NULL, &hash_key), 0);
	for (uint32_t look = 0; look < 20; look++) {
		scan_processes(set, 100 + 50 * look, 100); /* half of them are new */
		assert_int_equal(leak_groups_fill(&g, set, &choice), 0);
		assert_int_equal(g.len, 100);
		for (uint32_t i = 0; i < g.len; i++)
			assert_int_equal(g.order[i]->before, look && g.order[i]->key.pid < 150 + 50 * look);
		assert_true(pool_count(&g.groups) <= 150);
	}
	leak_groups_free(&g);
	free_set(set);
}

/* What a second look says: what is new and gone, which groups changed, and the last row of one that has gone. */
static void looks(void **state)
{
	const struct leak_choice choice = {.states = 1u << WIRE_CLOSE_WAIT, .threshold_ns = S};
	struct leak_set *set = new_set(1000);
	struct leak_groups g = {0};
	struct leak_looks looks = {0};

	(void)state;
	assert_int_equal(leak_groups_init(&g, LEAK_BY(PROCESS), NULL, &hash_key), 0);
	scan_processes(set, 100, 100);
	assert_int_equal(leak_looks_take(&looks, set, &choice), 0);
	assert_int_equal(leak_groups_fill(&g, set, &choice), 0);
	assert_false(looks.change.known);
	assert_false(leak_looks_has_new(&looks, 100));
	assert_int_equal(g.gone, 0);

	scan_processes(set, 197, 10);
	assert_int_equal(leak_looks_take(&looks, set, &choice), 0);
	assert_int_equal(leak_groups_fill(&g, set, &choice), 0);
	assert_true(looks.change.known);
	assert_int_equal(looks.change.appeared, 7);
	assert_int_equal(looks.change.gone, 97);
	assert_false(leak_looks_has_new(&looks, 199));
	assert_true(leak_looks_has_new(&looks, 200));
	assert_int_equal(g.len, 10);
	assert_int_equal(g.gone, 97);
	for (uint32_t i = g.len; i < g.len + g.gone; i++) {
		assert_int_equal(g.order[i]->count, 0);
		assert_int_equal(g.order[i]->before, 1);
		assert_int_equal(g.order[i]->oldest->t.task.tgid, g.order[i]->key.pid);
		assert_int_equal(g.order[i]->oldest->holders, 0);
	}
	assert_int_equal(leak_looks_take(&looks, set, &choice), 0);
	assert_int_equal(leak_groups_fill(&g, set, &choice), 0);
	assert_int_equal(looks.change.appeared + looks.change.gone, 0);
	assert_int_equal(g.gone, 0);
	leak_looks_free(&looks);
	leak_groups_free(&g);
	free_set(set);
}

/* Each order, by the value that its name says. */
static int64_t value_of(const char *name, const struct leak_group *group)
{
	switch (*name) {
	case 'c':
		return (int64_t)group->count;
	case 'o':
		return (int64_t)group->oldest->age_ns;
	case 'g':
		return (int64_t)(group->count - group->before);
	default:
		return (int64_t)group->unread_bytes;
	}
}

static void sorted(void **state)
{
	const struct leak_choice choice = {.states = 1u << WIRE_CLOSE_WAIT, .threshold_ns = 35 * S};
	struct leak_set *set = sample_set();
	struct leak_groups g = {0};

	(void)state;
	assert_int_equal(leak_groups_init(&g, LEAK_BY(CGROUP), NULL, &hash_key), 0);
	for (g.sort = 1; g.sort < LEAK_SORT_MAX; g.sort++) {
		const char *name = leak_sort_name(g.sort);
		bool most_first = strchr(name, ':');

		assert_int_equal(leak_groups_fill(&g, set, &choice), 0);
		assert_int_equal(g.len, 4);
		for (uint32_t i = 1; i < g.len; i++) {
			int64_t before = value_of(name, g.order[i - 1]), value = value_of(name, g.order[i]);

			assert_true(most_first ? before >= value : before <= value);
		}
	}
	leak_groups_free(&g);
	free_set(set);
}

static char out[65536];

static void put_group(struct buf *b, const struct leak_view *view, const struct leak_group *group,
		      const struct record_owner *owner)
{
	leak_text_row(b, view, group, owner);
	leak_text_about(b, view, group, owner);
}

static const char *text_of(const struct leak_set *set, uint32_t by, const struct leak_change *change)
{
	const struct leak_view view = {.by = by, .threshold_ns = 60 * S, .change = change};
	const struct leak_names names = {number, NULL};
	struct record_owner owner = sample_owner;
	struct leak_totals totals = leak_set_totals(set, view.threshold_ns, NULL, NULL);
	struct leak_groups g = {0};
	struct buf b;

	owner.unit = "web.service/below";
	owner.unit_len = strlen("web.service");
	owner.user = "www";
	buf_init(&b, out, sizeof(out) - 1);
	assert_int_equal(leak_groups_init(&g, by, &names, &hash_key), 0);
	assert_int_equal(leak_groups_fill(&g, set,
					  &(struct leak_choice){.states = 1u << WIRE_CLOSE_WAIT,
								.threshold_ns = view.threshold_ns,
								.wanted = NULL}),
			 0);
	leak_text_head(&b, &view, &totals);
	for (size_t i = 0; i < g.len; i++)
		put_group(&b, &view, g.order[i], &owner);
	leak_groups_free(&g);
	assert_false(b.overflow);
	*b.p = '\0';
	return out;
}

static void text(void **state)
{
	struct leak_set *set = sample_set(), *empty = new_set(10);

	(void)state;
	assert_string_equal(text_of(empty, LEAK_BY(PROCESS), NULL), "No socket is in CLOSE_WAIT.\n");
	assert_string_equal(
		text_of(set, LEAK_BY(PROCESS), NULL),
		"41 sockets are in CLOSE_WAIT, closed by the peer but not here; 41 for over 1m00s, the oldest for 1m30s.\n"
		"\n"
		"  COUNT   OLDEST CAUSE               PROCESS\n"
		"     30   >1m30s data_unread         worker[200]\n"
		"        fds 1 2 3 4 5 6 7 8 ...; the oldest: 10.0.0.1:80 to 10.0.0.1:40000, 120 bytes unread\n"
		"        Opened here or accepted? 30 sockets do not show it: nobody listens at the local port now.\n"
		"        The process stopped reading. Find the worker that should read these descriptors: "
		"it is stuck or lost them.\n"
		"     11   >1m30s eof_read_not_closed worker[201]\n"
		"        fds 31 32 33 34 35 36 37 38 ...; the oldest: 10.0.0.1:80 to 10.0.0.3:40000\n"
		"        Opened here or accepted? 11 sockets do not show it: nobody listens at the local port now.\n"
		"        recv() returned 0 and close() was never called. Read the code that follows recv(), "
		"error paths first.\n"
		"        Other processes also hold 1 of them (by fork(), or passed on): each must close it. "
		"SOCK_CLOEXEC prevents this.\n");
	text_of(set, LEAK_BY(PROCESS), &(struct leak_change){.known = true, .appeared = 41});
	assert_non_null(strstr(out, "   OLDEST     +/- CAUSE"));
	assert_non_null(strstr(out, " >1m30s     +30 data_unread"));
	text_of(set, LEAK_BY(CGROUP), NULL);
	assert_non_null(strstr(out, "eof_read_not_closed /user.slice/session-1.scope\n"));
	assert_non_null(strstr(out, " of worker[201]\n"));
	text_of(set, LEAK_BY(PROCESS) | LEAK_BY(DEPENDENCY) | LEAK_BY(LOCAL_PORT) | LEAK_BY(USER) | LEAK_BY(UNIT), NULL);
	assert_non_null(
		strstr(out, " CAUSE               PROCESS                  DEPENDENCY            PORT   USER         UNIT\n"));
	assert_non_null(strstr(
		out, " data_unread         worker[200]              10.0.0.1:40000        :80    www          web.service\n"));
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
	text_of(set, LEAK_BY(PROCESS), NULL);
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

/* The first line of a look, which a log is searched for; and the row of a group that has gone. */
static void change_text(void **state)
{
	struct leak_change change = {0};
	struct leak_view view = {
		.threshold_ns = 60 * S, .by = LEAK_BY(PROCESS), .wall_ns = 1764457200123456789, .change = &change};
	const struct leak_totals totals = {.close_wait = 3, .close_wait_over = 3, .close_wait_any = 3, .oldest_ns = 70 * S};
	const struct leak_socket last = {
		.t = {.from = CONN_FROM_SCAN, .task = {.tgid = 7, .comm = "worker"}},
		.verdict.cause = LEAK_EOF_UNREAD,
	};
	const struct leak_group gone = {.oldest = &last, .before = 2};
	static const struct record_owner nobody;
	char out[1000];
	struct buf b;

	(void)state;
	buf_init(&b, out, sizeof(out));
	leak_text_head(&b, &view, &totals);
	*b.p = '\0';
	assert_non_null(strstr(out, "123456Z first look\n3 sockets are"));
	assert_non_null(strstr(out, "\n\n  COUNT   OLDEST CAUSE"));
	change = (struct leak_change){.known = true, .appeared = 1, .gone = 2};
	buf_init(&b, out, sizeof(out));
	leak_text_head(&b, &view, &totals);
	leak_text_row(&b, &view, &gone, &nobody);
	*b.p = '\0';
	assert_non_null(strstr(out, "123456Z 1 new leak, 2 gone\n3 sockets are"));
	assert_non_null(strstr(out, "\n\n  COUNT   OLDEST     +/- CAUSE"));
	assert_non_null(strstr(out, "\n      0        -      -2 eof_unread          worker[7]\n"));
	view.same = true;
	change = (struct leak_change){.known = true};
	buf_init(&b, out, sizeof(out));
	leak_text_head(&b, &view, &totals);
	*b.p = '\0';
	assert_non_null(strstr(out, "123456Z no change\n3 sockets are"));
	assert_null(strstr(out, "COUNT"));
}

/* Nobody is blamed before the threshold; that there are such sockets is said. */
static void young(void **state)
{
	const struct leak_view view = {.threshold_ns = 60 * S, .by = LEAK_BY_DEFAULT};
	char out[1000];
	struct buf b;

	(void)state;
	buf_init(&b, out, sizeof(out));
	leak_text_head(&b, &view, &(struct leak_totals){.close_wait = 3, .close_wait_any = 3, .oldest_ns = 2 * S});
	*b.p = '\0';
	assert_string_equal(out,
			    "3 sockets are in CLOSE_WAIT, closed by the peer but not here; 0 for over 1m00s, the oldest for "
			    "2.0s.\n3 are younger and are not listed, since a short CLOSE_WAIT is normal; --threshold sets "
			    "the limit.\n");
	buf_init(&b, out, sizeof(out));
	leak_text_head(&b, &view,
		       &(struct leak_totals){.close_wait = 3, .close_wait_over = 2, .close_wait_any = 3, .oldest_ns = 70 * S});
	*b.p = '\0';
	assert_non_null(strstr(out, ".\n1 is younger and is not listed, since"));
	assert_non_null(strstr(out, "limit.\n\n  COUNT   OLDEST CAUSE"));
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
	const struct record_running *shown = json_owner.running;
	const struct format_input in = {
		.context = &sample_context, .options = &options, .rec = &rec, .owner = &json_owner, .seq = 5};
	size_t len;

	json_owner = sample_owner;
	json_owner.stack = stack;
	json_owner.running = shown;
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
		out, "\"alert_id\":\"7c9e6679.29\",\"dependency\":\"10.0.0.1:40000\",\"dependency_certain\":false,\"in_state_"
		     "us\":90000000,\"age_is_lower_bound\":true,\"threshold_us\":60000000,"
		     "\"cause\":\"eof_read_not_closed\",\"cause_certain\":false,\"unread_bytes\":0,\"unsent_bytes\":20,"
		     "\"holders\":[{\"pid\":201,\"comm\":\"worker\",\"fd\":41},{\"pid\":500,\"comm\":\"worker\",\"fd\":4}],"
		     "\"group_open\":11,\"group_growth_per_min\":-6,\"hint\":\"recv() returned 0"));
	free_set(set);
}

static void json_stacks(void **state)
{
	struct leak_set *set = sample_set();
	const struct record_stack whole = {"accept+0x7 (libc.so.6)\nmain (\"a\".c:7)", WIRE_STACK_WHOLE, true, {.own = 2}};
	const struct record_stack cut = {
		"connect", WIRE_STACK_CUT, false, {WIRE_STACK_HINT_PYTHON_OLD, .version = 11, .own = 2}};
	const struct record_stack gone = {"", WIRE_STACK_PROCESS_GONE, true, {0}};

	(void)state;
	json_owner.stack = &whole;
	json_of(set, 41);
	assert_non_null(strstr(out, ",\"stack\":[\"accept+0x7 (libc.so.6)\",\"main "
				    "(\\\"a\\\".c:7)\"],\"stack_of\":\"accept\",\"stack_own\":1,\"hint\""));
	json_owner.stack = &cut;
	json_of(set, 41);
	assert_non_null(
		strstr(out, ",\"stack\":[\"connect\"],\"stack_of\":\"connect\",\"stack_note\":\"cut\",\"stack_hint\":\"needs: "
			    "python3 -X perf (3.12 or later; this is 3.11)\",\"hint\""));
	json_owner.stack = &gone;
	json_of(set, 41);
	assert_non_null(strstr(out, ",\"stack\":null,\"stack_note\":\"process_gone\",\"hint\""));
	json_owner.stack = NULL;
	json_of(set, 41);
	assert_null(strstr(out, "stack"));
	free_set(set);
}

/* What /proc says of a process, in JSON and for people; its command line may hold anything. */
static void running(void **state)
{
	static const char line[] = "/srv/app\x1b[2J\n\xff --pass word";
	struct record_running r = {.cmdline = line,
				   .cmdline_len = sizeof(line) - 1,
				   .cmdline_cut = true,
				   .age_us = 10938000000,
				   .fds_known = true,
				   .fds_limit_known = true,
				   .fds_open = 4012,
				   .fds_limit = 4096};
	const struct leak_view view = {.by = LEAK_BY_DEFAULT, .threshold_ns = S};
	struct record_owner owner = {.running = &r, .unit = "web.service", .unit_len = 11, .user = "www"};
	struct leak_set *set = sample_set();
	struct leak_groups g = {0};
	struct buf b;

	(void)state;
	assert_int_equal(leak_groups_init(&g, view.by, NULL, &hash_key), 0);
	assert_int_equal(leak_groups_fill(&g, set, &(struct leak_choice){.states = 1u << WIRE_CLOSE_WAIT}), 0);
	for (unsigned int left = 84; left < 85; left--) {
		buf_init(&b, out, sizeof(out) - 1);
		r.fds_open = r.fds_limit - left;
		put_group(&b, &view, g.order[0], &owner);
		*b.p = '\0';
		assert_non_null(strstr(
			out,
			"\n        /srv/app\\x1b[2J\\x0a\\xff --pass word...\n        www, web.service, started 3h02m ago; "));
		if (left == 84)
			assert_non_null(strstr(out, "; 4012 of 4096 descriptors: 84 until it fails\n"));
		if (!left)
			assert_non_null(strstr(out, "; 4096 of 4096 descriptors: none is left, accept() and connect() fail\n"));
	}
	assert_null(strstr(out, "container "));
	owner.container_id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	owner.pod_uid = "01234567-89ab-cdef-0123-456789abcdef.slice";
	owner.pod_uid_len = 36;
	put_group(&b, &view, g.order[0], &owner);
	*b.p = '\0';
	assert_non_null(strstr(out, "\n        container 0123456789ab, pod 01234567-89ab-cdef-0123-456789abcdef\n        "));
	owner.container_id = NULL;
	owner.pod_claimed = true;
	put_group(&b, &view, g.order[0], &owner);
	*b.p = '\0';
	assert_non_null(strstr(out, "\n        pod 01234567-89ab-cdef-0123-456789abcdef (claimed)\n        "));
	leak_groups_free(&g);
	json_owner.running = &r;
	json_of(set, 41);
	assert_null(strstr(out, "\"stopgap\"")); /* its process is in another network namespace */
	r.netns = leak_set_find(set, 41)->t.id.netns;
	json_of(set, 41);
	assert_non_null(strstr(out, ",\"stopgap\":\"nsenter -t 201 -n ss -K -tn src 10.0.0.1:80 dst 10.0.0.1:40000\"}"));
	json_owner.running = NULL;
	assert_non_null(strstr(out, ",\"cmdline_hex\":\"2f7372762f617070"));
	assert_non_null(strstr(out, ",\"cmdline_cut\":true,\"age_us\":10938000000,\"fds_open\":4096,\"fds_limit\":4096}"));
	free_set(set);
}

/* One line, the innermost frames; a recording may hold any bytes. */
static void text_alert(void **state)
{
	static const struct format_options options;
	struct record_stack stack = {"a\x1b[2J\nb\nc\nd\ne", WIRE_STACK_WHOLE, false, {0}};
	struct record_owner owner = {.stack = &stack};
	struct leak_set *set = sample_set();
	const struct leak_record leak = {.socket = leak_set_find(set, 41), .holders = set->holders, .count = 1};
	const struct record rec = {.kind = RECORD_CLOSE_WAIT_LEAK, .ts = 100 * S, .leak = &leak};
	const struct format_input in = {.context = &sample_context, .options = &options, .rec = &rec, .owner = &owner};

	(void)state;
	out[format_text.format(&in, out, FORMAT_LINE_MAX)] = '\0';
	assert_non_null(strstr(out, " fd 41 by connect() in a\\x1b[2J < b < c < d\n"));
	stack.about.own = 4;
	out[format_text.format(&in, out, FORMAT_LINE_MAX)] = '\0';
	assert_non_null(strstr(out, " fd 41 by connect() in d < e\n"));
	stack.about.own = 6; /* there is no such line */
	out[format_text.format(&in, out, FORMAT_LINE_MAX)] = '\0';
	assert_non_null(strstr(out, " fd 41 by connect() in a\\x1b[2J < b < c < d\n"));
	free_set(set);
}

/* The commonest first; each once. */
static void text_stacks(void **state)
{
	const struct record_stack whole = {
		"accept+0x7 (libc.so.6)\nmain (a.c:7)", WIRE_STACK_WHOLE, true, {WIRE_STACK_HINT_NODE_LOOP, .own = 2}};
	const struct record_stack gone = {"", WIRE_STACK_PROCESS_GONE, true, {0}};
	struct leak_stack_count counts[2] = {0};
	struct buf b;

	(void)state;
	leak_stack_add(counts, 2, &gone);
	leak_stack_add(counts, 2, NULL);
	for (int i = 0; i < 3; i++)
		leak_stack_add(counts, 2, &whole);
	leak_stack_add(counts, 2, &(struct record_stack){"no room", WIRE_STACK_CUT, true, {0}});
	buf_init(&b, out, sizeof(out) - 1);
	while (leak_text_stack(&b, counts, 2, 5))
		;
	*b.p = '\0';
	assert_string_equal(out, "            3 of 5 were opened here, by accept() in\n"
				 "                accept+0x7 (libc.so.6)\n"
				 "              > main (a.c:7)\n"
				 "            (Node opens sockets off the caller's stack: its line is not among these)\n"
				 "            1 of 5 was opened by a process that ended before its stack was read.\n");
}

/* 1000 holders with the longest names: the line is whole, and says how many it has no room for. */
static void json_bounded(void **state)
{
	struct leak_set *set = new_set(1000);
	static char long_line[512];
	const char *dropped;
	size_t shown = 0;

	(void)state;
	memset(long_line, '\xff', sizeof(long_line));
	mark(set, WIRE_LEAK_BEGIN);
	for (int i = 0; i < 1000; i++) {
		struct stuck ev = stuck(1, WIRE_CLOSE_WAIT, 0);

		held_by(&ev, 1000 + i, i);
		memcpy(ev.task.comm, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", WIRE_COMM_LEN);
		feed(set, &ev);
	}
	mark(set, WIRE_LEAK_END);
	json_owner.running = &(struct record_running){
		.cmdline = long_line, .cmdline_len = sizeof(long_line), .fds_known = true, .fds_limit_known = true};
	assert_in_range(json_of(set, 1), 7000, FORMAT_LINE_MAX);
	json_owner.running = NULL;
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
		cmocka_unit_test(idle_pools),
		cmocka_unit_test(others_in_use),
		cmocka_unit_test(inherited),
		cmocka_unit_test(opener_that_ended),
		cmocka_unit_test(another_queue),
		cmocka_unit_test(ages),
		cmocka_unit_test(holders),
		cmocka_unit_test(accept_queue),
		cmocka_unit_test(accept_queues_of_one_port),
		cmocka_unit_test(bounded),
		cmocka_unit_test(groups),
		cmocka_unit_test(killed),
		cmocka_unit_test(sides),
		cmocka_unit_test(by_dependency),
		cmocka_unit_test(members),
		cmocka_unit_test(groups_that_go),
		cmocka_unit_test(looks),
		cmocka_unit_test(change_text),
		cmocka_unit_test(sorted),
		cmocka_unit_test(text),
		cmocka_unit_test(time_and_no_header),
		cmocka_unit_test(young),
		cmocka_unit_test(nothing_selected),
		cmocka_unit_test(hostile_text),
		cmocka_unit_test(many_for_long),
		cmocka_unit_test(json),
		cmocka_unit_test(json_bounded),
		cmocka_unit_test(running),
		cmocka_unit_test(json_stacks),
		cmocka_unit_test(text_stacks),
		cmocka_unit_test(text_alert),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
