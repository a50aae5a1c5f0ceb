// SPDX-License-Identifier: GPL-2.0-only
/* The model of `top`: processes by states with their changes, their order, its bound; leaks that go on; what is open now. */
#include "conn_story.h"

#include "src/core/open_conns.h"
#include "src/core/top.h"
#include "src/core/top_leaks.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const struct hash_key hash_key = {0x123456789abcdef, 42};

static struct open_conn conn_of(uint32_t tgid, const char *comm, uint8_t state)
{
	struct open_conn c = {.state = state, .t = {.from = tgid ? CONN_FROM_ACCEPT : CONN_FROM_NONE, .id.netns = 1}};

	c.t.task.tgid = tgid;
	c.t.task.start_ns = tgid * 7ULL;
	memcpy(c.t.task.comm, comm, strlen(comm));
	return c;
}

static void add(struct top *top, uint32_t tgid, const char *comm, uint8_t state, unsigned int times)
{
	const struct open_conn c = conn_of(tgid, comm, state);

	while (times--)
		top_add(top, &c);
}

/* The pids of all rows. */
static void check_rows(struct top *top, enum top_sort sort, bool reverse, const char *expected)
{
	char text[200] = "";
	uint32_t len = top_order(top, sort, reverse);

	for (uint32_t i = 0; i < len; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u", i ? " " : "", top->order[i]->t.task.tgid);
	assert_string_equal(text, expected);
}

static void look(struct top *top, unsigned int waits)
{
	top_begin(top);
	add(top, 10, "nginx", WIRE_ESTABLISHED, 5);
	add(top, 10, "nginx", WIRE_TIME_WAIT, 2);
	add(top, 20, "curl", WIRE_SYN_SENT, 3);
	add(top, 30, "app", WIRE_CLOSE_WAIT, waits);
	add(top, 0, "", WIRE_LAST_ACK, 1);
	top_end(top);
}

static const struct top_process *row(struct top *top, uint32_t tgid)
{
	uint32_t len = top_order(top, TOP_BY_PID, false);

	for (uint32_t i = 0; i < len; i++)
		if (top->order[i]->t.task.tgid == tgid)
			return top->order[i];
	return NULL;
}

/* Of a row that is there. */
static uint64_t total(struct top *top, uint32_t tgid)
{
	const struct top_process *p = row(top, tgid);

	assert_non_null(p);
	return p ? top_total(p->now) : 0; /* the compiler does not know that it is */
}

static void processes(void **state)
{
	const struct top_process *p;
	struct top top;

	(void)state;
	assert_int_equal(top_init(&top, &hash_key), 0);
	look(&top, 1);
	look(&top, 4);
	p = row(&top, 30);
	assert_int_equal(p->now[TOP_CLOSE_WAIT], 4);
	assert_int_equal(p->before[TOP_CLOSE_WAIT], 1);
	p = row(&top, 10);
	assert_int_equal(total(&top, 10), 7);
	assert_int_equal(p->before[TOP_ESTABLISHED], 5);
	assert_int_equal(row(&top, 0)->now[TOP_FIN], 1);
	check_rows(&top, TOP_BY_TOTAL, false, "10 30 20 0");
	check_rows(&top, TOP_BY_TOTAL, true, "0 20 30 10");
	check_rows(&top, TOP_BY_PID, false, "0 10 20 30");
	check_rows(&top, TOP_BY_NAME, false, "0 30 20 10");
	check_rows(&top, TOP_BY_GROUP + TOP_SYN, false, "20 0 10 30");
	check_rows(&top, TOP_BY_GROUP + TOP_CLOSE_WAIT, false, "30 0 10 20");
	check_rows(&top, TOP_BY_CHANGE, false, "30 0 10 20");
	top_free(&top);
}

/* They are no connections: a total is without them. Without connections they have a row, and a change, too. */
static void listeners(void **state)
{
	struct top top;

	(void)state;
	assert_int_equal(top_init(&top, &hash_key), 0);
	for (unsigned int i = 0; i < 2; i++) {
		top_begin(&top);
		add(&top, 10, "nginx", WIRE_ESTABLISHED, 2);
		add(&top, 10, "nginx", WIRE_LISTEN, 1);
		add(&top, 40, "sshd", WIRE_LISTEN, 3 + i);
		top_end(&top);
	}
	assert_int_equal(total(&top, 10), 2);
	assert_int_equal(row(&top, 40)->now[TOP_LISTEN], 4);
	assert_int_equal(row(&top, 40)->before[TOP_LISTEN], 3);
	assert_int_equal(total(&top, 40), 0);
	check_rows(&top, TOP_BY_TOTAL, false, "10 40");
	check_rows(&top, TOP_BY_GROUP + TOP_LISTEN, false, "40 10");
	check_rows(&top, TOP_BY_CHANGE, false, "40 10");
	for (unsigned int i = 0; i < 2; i++) {
		assert_non_null(row(&top, 40)); /* the first look shows that they are gone */
		top_begin(&top);
		top_end(&top);
	}
	assert_null(row(&top, 40));
	top_free(&top);
}

/* One look shows that all of them are gone, the next one has no row. */
static void gone(void **state)
{
	struct top top;

	(void)state;
	assert_int_equal(top_init(&top, &hash_key), 0);
	look(&top, 3);
	look(&top, 0);
	assert_int_equal(row(&top, 30)->now[TOP_CLOSE_WAIT], 0);
	assert_int_equal(row(&top, 30)->before[TOP_CLOSE_WAIT], 3);
	look(&top, 0);
	assert_null(row(&top, 30));
	look(&top, 1);
	assert_int_equal(row(&top, 30)->before[TOP_CLOSE_WAIT], 0);
	top_free(&top);
}

/* A pid that is used again is another process; a process that calls exec() has a new name. */
static void same_pid(void **state)
{
	struct open_conn c = conn_of(10, "sh", WIRE_ESTABLISHED);
	struct top top;

	(void)state;
	assert_int_equal(top_init(&top, &hash_key), 0);
	top_begin(&top);
	top_add(&top, &c);
	memcpy(c.t.task.comm, "curl", 5);
	c.t.id.netns = 2;
	top_add(&top, &c);
	c.t.task.start_ns++;
	top_add(&top, &c);
	top_end(&top);
	check_rows(&top, TOP_BY_TOTAL, false, "10 10");
	assert_string_equal(top.order[0]->t.task.comm, "curl");
	assert_int_equal(top_total(top.order[0]->now), 2);
	assert_true(top.order[0]->several_netns);
	assert_false(top.order[1]->several_netns);
	top_free(&top);
}

static void bound(void **state)
{
	struct top top;

	(void)state;
	assert_int_equal(top_init(&top, &hash_key), 0);
	top_begin(&top);
	for (uint32_t tgid = 1; tgid <= TOP_PROCESSES_MAX + 5; tgid++)
		add(&top, tgid, "many", WIRE_ESTABLISHED, 1);
	top_end(&top);
	assert_int_equal(top_order(&top, TOP_BY_TOTAL, false), TOP_PROCESSES_MAX);
	assert_int_equal(top.left_out, 5);
	top_begin(&top);
	top_end(&top);
	top_begin(&top);
	top_end(&top);
	assert_int_equal(top_order(&top, TOP_BY_TOTAL, false), 0);
	assert_int_equal(top.left_out, 0);
	top_free(&top);
}

static void groups(void **state)
{
	(void)state;
	assert_int_equal(top_group(WIRE_SYN_RECV), TOP_SYN);
	assert_int_equal(top_group(WIRE_NEW_SYN_RECV), TOP_SYN);
	assert_int_equal(top_group(WIRE_FIN_WAIT1), TOP_FIN);
	assert_int_equal(top_group(WIRE_FIN_WAIT2), TOP_FIN);
	assert_int_equal(top_group(WIRE_CLOSING), TOP_FIN);
	assert_int_equal(top_group(WIRE_LAST_ACK), TOP_FIN);
	assert_int_equal(top_group(WIRE_CLOSE_WAIT), TOP_CLOSE_WAIT);
	assert_int_equal(top_group(WIRE_TIME_WAIT), TOP_TIME_WAIT);
	assert_int_equal(top_group(WIRE_ESTABLISHED), TOP_ESTABLISHED);
	assert_int_equal(top_group(WIRE_LISTEN), TOP_LISTEN);
}

/* Leaks */

static void leak(struct top_leaks *leaks, uint64_t id, bool is_group, uint64_t count)
{
	const struct leak_socket socket = {.age_ns = id * 1000000000, .t.cookie = id};
	const struct leak_record rec = {.socket = &socket, .alert = {id, is_group}, .count = count};

	top_leaks_take(leaks, &(struct record){.kind = RECORD_CLOSE_WAIT_LEAK, .ts = 100000000000, .leak = &rec});
}

static void resolve(struct top_leaks *leaks, uint64_t id, bool is_group, uint64_t count)
{
	const struct leak_resolved_record rec = {.alert = {id, is_group}, .count = count};

	top_leaks_take(leaks, &(struct record){.kind = RECORD_CLOSE_WAIT_RESOLVED, .ts = 100000000000, .leak_resolved = &rec});
}

static void leaks_go_on(void **state)
{
	struct top_leaks leaks = {0};

	(void)state;
	leak(&leaks, 1, false, 1);
	leak(&leaks, 2, false, 1);
	leak(&leaks, 1, true, 40); /* a group of the same number is another alert */
	leak(&leaks, 1, true, 2);
	top_leaks_sort(&leaks);
	assert_int_equal(leaks.len, 3);
	assert_int_equal(leaks.sockets, 44);
	assert_int_equal(leaks.items[0].count, 42);
	assert_int_equal(leaks.items[1].alert.id, 2); /* older */
	resolve(&leaks, 2, false, 1);
	resolve(&leaks, 1, true, 41);
	top_leaks_sort(&leaks);
	assert_int_equal(leaks.len, 2);
	assert_int_equal(leaks.sockets, 2);
	resolve(&leaks, 1, true, 1);
	resolve(&leaks, 1, false, 1);
	resolve(&leaks, 9, false, 7); /* one that there never was */
	assert_int_equal(leaks.len, 0);
	assert_int_equal(leaks.sockets, 0);
	top_leaks_free(&leaks);
}

static void leaks_bound(void **state)
{
	struct top_leaks leaks = {0};

	(void)state;
	for (uint64_t id = 1; id <= TOP_LEAKS_MAX + 3; id++)
		leak(&leaks, id, false, 1);
	assert_int_equal(leaks.len, TOP_LEAKS_MAX);
	assert_int_equal(leaks.left_out, 3);
	assert_int_equal(leaks.sockets, TOP_LEAKS_MAX + 3);
	top_leaks_free(&leaks);
}

/* What is open now */

struct seen {
	unsigned int len;
	struct open_conn conns[8];
};

static void see(void *ctx, const struct open_conn *conn)
{
	struct seen *s = ctx;

	assert_true(s->len < ARRAY_SIZE(s->conns));
	s->conns[s->len++] = *conn;
}

static struct conn_table *table_after(const struct step *steps, size_t len)
{
	const struct conn_config config = {.max_connections = 100, .wanted = 1u << RECORD_CONNECTION};
	struct conn_table *t;

	story_forget();
	assert_int_equal(conn_table_new(&t, &config, emit_nothing, NULL), 0);
	for (size_t i = 0; i < len; i++)
		story_feed(t, &steps[i]);
	return t;
}

static void open_ones(void **state)
{
	static const struct step steps[] = {
		CONNECTS(0),
		T(5000, ESTABLISHED, CLOSE_WAIT),
		T(5000, CLOSE, SYN_SENT, .cookie = 2, .tgid = 20),
		T(6000, CLOSE, SYN_SENT, .cookie = 3, .tgid = 30),
		T(7000, SYN_SENT, CLOSE, .cookie = 3, .err = ECONNREFUSED),
	};
	struct conn_table *t = table_after(steps, ARRAY_SIZE(steps));
	struct seen seen = {0};
	struct conn_record rec;

	(void)state;
	open_conns_each(t, see, &seen);
	assert_int_equal(seen.len, 2);
	assert_int_equal(seen.conns[0].state, WIRE_CLOSE_WAIT);
	assert_int_equal(seen.conns[0].entered_ns, STORY_BEGIN_NS + 5000000);
	assert_true(seen.conns[0].entered_known);
	assert_int_equal(seen.conns[0].t.task.tgid, 10);
	assert_int_equal(seen.conns[1].state, WIRE_SYN_SENT);
	assert_true(open_conns_record(t, 1, STORY_BEGIN_NS + 9000000, &rec));
	assert_false(rec.final);
	assert_int_equal(rec.timeline_len, 3);
	assert_int_equal(rec.timeline[2].us, 4000);
	assert_true(rec.segments_len >= 3);
	assert_false(open_conns_record(t, 3, STORY_BEGIN_NS + 9000000, &rec));
	assert_false(open_conns_record(t, 4, STORY_BEGIN_NS + 9000000, &rec));
	conn_table_free(t);
}

/* Of more than are asked for, the newest; those of one moment in any order. */
static void newest_ones(void **state)
{
	struct step steps[OPEN_CONNS_NEWEST + 20];
	struct open_conn newest[OPEN_CONNS_NEWEST];
	struct conn_table *t;
	unsigned int len = ARRAY_SIZE(steps);

	(void)state;
	for (unsigned int i = 0; i < len; i++) /* cookies 1, 4, 7, ... are not in the order of the table */
		steps[i] = (struct step)T(1000 + 10 * i, CLOSE, SYN_SENT, .cookie = 1 + i * 7 % len, .tgid = 10);
	t = table_after(steps, 5);
	assert_int_equal(open_conns_newest(t, newest), 5);
	conn_table_free(t);
	t = table_after(steps, len);
	assert_int_equal(open_conns_newest(t, newest), OPEN_CONNS_NEWEST);
	for (unsigned int i = 0; i < OPEN_CONNS_NEWEST; i++) {
		assert_int_equal(newest[i].t.cookie, steps[len - 1 - i].cookie);
		assert_int_equal(newest[i].entered_ns, STORY_BEGIN_NS + (1000 + 10 * (len - 1 - i)) * 1000ull);
		assert_true(newest[i].t.task.tgid == 10 && newest[i].entered_known);
	}
	conn_table_free(t);
}

/* Who listens: whose it is, and where; not after its end. */
static void open_listeners(void **state)
{
	static const struct step steps[] = {
		T(0, CLOSE, LISTEN, .cookie = 5, .tgid = 50),
		T(1000, CLOSE, LISTEN, .cookie = 6, .tgid = 60),
		T(2000, LISTEN, CLOSE, .cookie = 6),
		T(3000, CLOSE, SYN_SENT, .cookie = 2, .tgid = 20),
	};
	struct conn_table *t = table_after(steps, ARRAY_SIZE(steps));
	struct seen seen = {0};

	(void)state;
	open_listeners_each(t, see, &seen);
	assert_int_equal(seen.len, 1);
	assert_int_equal(seen.conns[0].state, WIRE_LISTEN);
	assert_int_equal(seen.conns[0].t.cookie, 5);
	assert_int_equal(seen.conns[0].t.task.tgid, 50);
	assert_int_equal(seen.conns[0].t.from, CONN_FROM_LISTENER);
	assert_true(seen.conns[0].t.id_known);
	assert_int_equal(seen.conns[0].t.id.peer_port, 0);
	conn_table_free(t);
}

/* A minisocket is a connection, too, and looking at it changes nothing. */
static void open_minisock(void **state)
{
	static const struct step steps[] = {
		TIER(FENTRY),
		CONNECTS(0),
		T(1000, ESTABLISHED, FIN_WAIT1, .tgid = 10),
		T(2000, FIN_WAIT1, FIN_WAIT2),
		MINI(2900, STARTED, TIME_WAIT, 60000000),
		T(3000, FIN_WAIT2, CLOSE, DEAD, .segs_in = 1),
	};
	struct conn_table *t = table_after(steps, ARRAY_SIZE(steps));
	struct conn_record rec, again;
	struct seen seen = {0};

	(void)state;
	open_conns_each(t, see, &seen);
	assert_int_equal(seen.len, 1);
	assert_int_equal(seen.conns[0].state, WIRE_TIME_WAIT);
	assert_true(open_conns_record(t, 1, STORY_BEGIN_NS + 9000000, &rec));
	assert_true(open_conns_record(t, 1, STORY_BEGIN_NS + 9000000, &again));
	assert_int_equal(rec.timeline[rec.timeline_len - 1].state, WIRE_TIME_WAIT);
	assert_int_equal(rec.timeline_len, again.timeline_len);
	assert_true(rec.time_wait.entered);
	assert_false(rec.final);
	conn_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processes),   cmocka_unit_test(gone),      cmocka_unit_test(same_pid),
		cmocka_unit_test(bound),       cmocka_unit_test(groups),    cmocka_unit_test(leaks_go_on),
		cmocka_unit_test(leaks_bound), cmocka_unit_test(open_ones), cmocka_unit_test(open_minisock),
		cmocka_unit_test(newest_ones), cmocka_unit_test(listeners), cmocka_unit_test(open_listeners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
