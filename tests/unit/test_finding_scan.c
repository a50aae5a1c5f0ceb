// SPDX-License-Identifier: GPL-2.0-only
/* Findings of a leak scan: which sockets are met, and what makes them one finding. */
#include "conn_story.h"
#include "sample.h"

#include "src/core/conn.h"
#include "src/core/finding_scan.h"

#define S SAMPLE_S
#define THRESHOLD_NS (60 * S)

static const struct hash_key hash_key = {0x123456789abcdef, 42};

/* A scan, and what came up. */
struct scene {
	struct conn_table *table;
	struct leak_set set;
	struct finding_scan scan;
	struct finding_set findings;
	char said[256];
	struct finding_record last;
};

static struct scene *new_scene(void)
{
	const struct conn_config config = {.max_connections = 100};
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	assert_int_equal(conn_table_new(&s->table, &config, NULL, NULL), 0);
	assert_int_equal(leak_set_init(&s->set, 64, &hash_key), 0);
	assert_int_equal(finding_scan_init(&s->scan, THRESHOLD_NS, &hash_key), 0);
	assert_int_equal(finding_set_init(&s->findings, &hash_key), 0);
	return s;
}

static void free_scene(struct scene *s)
{
	finding_set_free(&s->findings);
	finding_scan_free(&s->scan);
	leak_set_free(&s->set);
	conn_table_free(s->table);
	free(s);
}

static struct leak_socket stuck(uint64_t cookie, uint8_t state)
{
	struct leak_socket socket = {
		.t = {.cookie = cookie, .id_known = true},
		.state = state,
		.verdict.cause = LEAK_EOF_UNREAD,
		.age_ns = 2 * THRESHOLD_NS,
		.opened = true,
		.first_holder = LEAK_NONE,
		.last_holder = LEAK_NONE,
	};

	sample_addresses(&socket.t, AF_INET, "::ffff:10.0.0.1", (uint16_t)(40000 + cookie), "::ffff:10.0.0.2", 443);
	return socket;
}

static void put(struct scene *s, struct leak_socket socket)
{
	assert_true(pool_add(&s->set.sockets, &socket));
}

static void keep(void *scene, const struct finding_record *f)
{
	struct scene *s = scene;
	size_t len = strlen(s->said);

	s->last = *f;
	snprintf(s->said + len, sizeof(s->said) - len, "%s %llu;", finding_id_name(f->id), (unsigned long long)f->count);
}

static void look(struct scene *s, const char *expected)
{
	s->said[0] = '\0';
	assert_int_equal(finding_scan_look(&s->scan, s->table, &s->set, 1000 * S, &s->findings), 0);
	finding_set_close(&s->findings, FINDING_BY_SCAN, 1000 * S, keep, s);
	assert_string_equal(s->said, expected);
}

/* Who still sends to a peer that ended its side has not forgotten the socket. */
static void close_wait_in_use(void **state)
{
	struct scene *s = new_scene();
	struct leak_socket socket;

	(void)state;
	for (uint64_t cookie = 1; cookie <= 3; cookie++) {
		socket = stuck(cookie, WIRE_CLOSE_WAIT);
		socket.sent_known = true;
		socket.sent_ns = cookie == 1 ? 0 : THRESHOLD_NS - 1;
		put(s, socket);
	}
	look(s, "");
	socket = stuck(4, WIRE_CLOSE_WAIT);
	socket.sent_known = true;
	socket.sent_ns = THRESHOLD_NS;
	put(s, socket);
	put(s, stuck(5, WIRE_CLOSE_WAIT)); /* not known */
	look(s, "close_wait_leak 2;");
	free_scene(s);
}

/* What waits in our receive queue says nothing of why the peer does not close: it is one pile. */
static void fin_wait2_of_any_cause(void **state)
{
	struct scene *s = new_scene();
	struct leak_socket socket;

	(void)state;
	for (uint64_t cookie = 1; cookie <= 5; cookie++) {
		socket = stuck(cookie, WIRE_FIN_WAIT2);
		socket.verdict.cause = cookie % 2 ? LEAK_DATA_UNREAD : LEAK_EOF_UNREAD;
		put(s, socket);
	}
	socket = stuck(6, WIRE_FIN_WAIT2);
	socket.verdict.cause = LEAK_NEVER_ACCEPTED;
	put(s, socket);
	look(s, "fin_wait2_pile 5;accept_stalled 1;");
	free_scene(s);
}

/* Connections of process 7 to 10.0.0.2:80, from cookie 1 on. */
static void feed_connections(struct scene *s, uint64_t count)
{
	static const struct step life[] = {CONNECTS(0)};
	struct step step;

	for (uint64_t cookie = 1; cookie <= count; cookie++) {
		for (size_t i = 0; i < sizeof(life) / sizeof(life[0]); i++) {
			step = life[i];
			step.cookie = cookie;
			step.tgid = 7;
			story_feed(s->table, &step);
		}
	}
}

static struct leak_socket stuck_there(uint64_t cookie, uint8_t state)
{
	struct leak_socket socket = stuck(cookie, state);

	sample_addresses(&socket.t, AF_INET, "::ffff:10.0.0.1", 40000, "::ffff:10.0.0.2", 80);
	socket.t.id.netns = STORY_NETNS;
	return socket;
}

/* Many clients have one address behind a NAT: the few that are gone are no finding beside those that are there. */
static void share_of_a_peer(void **state)
{
	static const struct {
		uint64_t stuck, all;
		const char *said;
	} rows[] = {{4, 0, ""},
		    {5, 0, "fin_unanswered 5;"},
		    {5, 20, "fin_unanswered 5;"},
		    {5, 21, ""},
		    {10, 40, "fin_unanswered 10;"}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scene *s = new_scene();

		feed_connections(s, rows[i].all);
		for (uint64_t cookie = 1; cookie <= rows[i].stuck; cookie++) {
			struct leak_socket socket = stuck_there(cookie, WIRE_LAST_ACK);

			socket.verdict.cause = LEAK_UNSEEN;
			socket.unacked = 1;
			put(s, socket);
		}
		finding_drain_scanned(&s->scan.drain, &s->set, 900 * S);
		look(s, rows[i].said);
		if (*rows[i].said)
			assert_int_equal(s->last.of, rows[i].all ?: rows[i].stuck);
		free_scene(s);
	}
}

/* The scan gave them one cause. Of some the table knows that who opened them does not hold them. */
static void several_causes(void **state)
{
	struct scene *s = new_scene();
	struct leak_socket socket;

	(void)state;
	feed_connections(s, 2);
	s->set.holders = calloc(1, sizeof(*s->set.holders));
	s->set.holders[0] = (struct leak_holder){.task = {.tgid = 8, .start_ns = 9}, .fd = 3, .next = LEAK_NONE};
	for (uint64_t cookie = 1; cookie <= 5; cookie++) {
		socket = stuck_there(cookie, WIRE_CLOSE_WAIT);
		socket.verdict.certain = true;
		socket.age_ns = (10 - cookie) * THRESHOLD_NS;
		socket.holders = 1;
		socket.first_holder = 0;
		put(s, socket);
	}
	look(s, "close_wait_leak 5;");
	assert_int_equal(s->last.cause, LEAK_EOF_UNREAD);
	assert_int_equal(s->last.cause_count, 3);
	assert_true(s->last.cause_certain);
	assert_int_equal(s->last.opener.tgid, 0);
	assert_int_equal(s->last.t.cookie, 3); /* an example of that cause */
	assert_int_equal(s->last.oldest_ns, 9 * THRESHOLD_NS);
	free_scene(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(close_wait_in_use),
		cmocka_unit_test(fin_wait2_of_any_cause),
		cmocka_unit_test(share_of_a_peer),
		cmocka_unit_test(several_causes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
