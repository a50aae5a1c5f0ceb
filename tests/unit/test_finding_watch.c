// SPDX-License-Identifier: GPL-2.0-only
/* Findings of a window, from the events of connections. */
#include "conn_story.h"

#include "src/core/finding.h"

#define WINDOW_US 10000000ull
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct seen {
	unsigned int up;
	struct finding_record last;
};

/* A conn_emit_fn. */
static void keep(void *ctx, const struct record *rec)
{
	struct seen *seen = ctx;

	assert_int_equal(rec->kind, RECORD_FINDING);
	seen->up += rec->finding->what == FINDING_UP;
	seen->last = *rec->finding;
}

static struct conn_table *new_table(struct seen *ret_seen)
{
	const struct conn_config config = {.max_connections = 1000, .wanted = 1u << RECORD_FINDING};
	struct conn_table *t;

	story_forget();
	*ret_seen = (struct seen){0};
	assert_int_equal(conn_table_new(&t, &config, keep, ret_seen), 0);
	story_feed(t, &(struct step)TICK(0));
	return t;
}

static void feed_life(struct conn_table *t, uint64_t cookie, const struct step *life, size_t steps)
{
	for (size_t i = 0; i < steps; i++) {
		struct step s = life[i];

		s.cookie = cookie;
		story_feed(t, &s);
	}
}

/* So many connections that end well, and then so many that are reset; the others live on. */
static void feed_resets(struct conn_table *t, uint64_t good, uint64_t bad, uint64_t alive)
{
	static const struct step ends[] = {CONNECTS(0), T(5000, ESTABLISHED, CLOSE_WAIT), T(5100, CLOSE_WAIT, LAST_ACK),
					   T(5200, LAST_ACK, CLOSE, DEAD)};
	static const struct step reset[] = {CONNECTS(6000), IS_RESET(7000)};
	uint64_t cookie = 1;

	for (; good; good--)
		feed_life(t, cookie++, ends, ARRAY_SIZE(ends));
	for (; bad; bad--)
		feed_life(t, cookie++, reset, ARRAY_SIZE(reset));
	for (; alive; alive--)
		feed_life(t, cookie++, reset, ARRAY_SIZE(reset) - 1);
}

/* What ended well before the first reset of the window is of the whole, too. */
static void share_of_resets(void **state)
{
	static const struct {
		uint64_t good, bad, alive;
		bool found;
	} rows[] = {{0, 50, 0, true}, {150, 50, 0, true}, {151, 50, 0, false}, {100, 50, 50, true}, {100, 50, 51, false}};
	struct conn_table *t;
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		t = new_table(&seen);
		feed_resets(t, rows[i].good, rows[i].bad, rows[i].alive);
		story_feed(t, &(struct step)TICK(WINDOW_US - 1));
		assert_int_equal(seen.up, 0);
		story_feed(t, &(struct step)TICK(WINDOW_US));
		assert_int_equal(seen.up, rows[i].found);
		if (rows[i].found) {
			assert_int_equal(seen.last.id, FINDING_RESETS);
			assert_int_equal(seen.last.count, rows[i].bad);
			assert_int_equal(seen.last.of, rows[i].good + rows[i].bad + rows[i].alive);
		}
		conn_table_free(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(share_of_resets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
