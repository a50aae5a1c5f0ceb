// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any bytes as the state file: as they are, and as the events behind a head that is right. What is refused is refused by a
 * sentence, and then nothing of it was handed over. What is taken goes through a table, and what that keeps for the next run is
 * a state again.
 */
#include "src/core/conn.h"
#include "src/io/crc.h"
#include "src/io/state_layout.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HOST "host"
#define NOW_NS 1000000000000ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* An event_fn. */
static void count(void *ctx, const struct wire_hdr *ev)
{
	check(wire_valid(ev, ev->len));
	++*(size_t *)ctx;
}

/* A conn_emit_fn. */
static void take(void *ctx, const struct record *rec)
{
	(void)ctx;
	check(rec->kind != RECORD_CLOSE_WAIT_RESOLVED || rec->leak_resolved->t);
}

/* An event_fn. */
static void feed(void *ctx, const struct wire_hdr *ev)
{
	struct wire_hdr *copy = malloc(ev->len);

	check(copy);
	memcpy(copy, ev, ev->len);
	copy->ts = NOW_NS;
	conn_table_feed(ctx, copy);
	free(copy);
}

static void mark(struct conn_table *table, uint8_t kind, uint64_t ts)
{
	const struct wire_mark ev = {.hdr = {.ts = ts, .len = sizeof(ev), .kind = kind}};

	conn_table_feed(table, &ev.hdr);
}

/* What a run with this state keeps, before and after a scan that finds nothing. */
static void run(const char *data, size_t len)
{
	const struct conn_config config = {.max_connections = 8,
					   .leak_threshold_ns = 1000000,
					   .wanted = 1u << RECORD_CLOSE_WAIT_LEAK | 1u << RECORD_CLOSE_WAIT_RESOLVED |
						     1u << RECORD_FINDING};
	struct state_draft draft = {0};
	struct wire_before before = {.hdr = {.len = sizeof(before), .kind = WIRE_BEFORE},
				     .written_wall_ns = 1,
				     .boot_id = "01234567",
				     .instance = "0123456789ab"};
	struct conn_table *table;
	size_t n = 0;

	check(!conn_table_new(&table, &config, take, NULL));
	check(!state_read(data, len, HOST, feed, table));
	state_draft_add(&draft, &before.hdr);
	conn_table_keep(table, false, state_draft_add, &draft);
	check(state_draft_finish(&draft, HOST) && !state_read(draft.data, draft.len, HOST, count, &n) && n);
	free(draft.data);
	mark(table, WIRE_LEAK_BEGIN, NOW_NS + 1);
	mark(table, WIRE_LEAK_END, NOW_NS + 2);
	conn_table_stop(table, NOW_NS + 3);
	conn_table_free(table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state_head head = {.version = 1, .len = size, .hostname = HOST};
	char *whole = malloc(sizeof(head) + size);
	size_t n = 0;
	const char *why;

	check(whole);
	memcpy(whole, data, size);
	why = state_read(whole, size, HOST, count, &n);
	check(!why == (n > 0));
	memcpy(head.magic, STATE_MAGIC, sizeof(head.magic));
	memcpy(whole, &head, sizeof(head));
	memcpy(whole + sizeof(head), data, size);
	head.crc = crc_add(0, whole + offsetof(struct state_head, len), sizeof(head) - offsetof(struct state_head, len) + size);
	memcpy(whole, &head, sizeof(head));
	if (!state_read(whole, sizeof(head) + size, HOST, count, &n))
		run(whole, sizeof(head) + size);
	free(whole);
	return 0;
}
