// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stream of any bytes into a small table. Whatever it says: no bad access, no more connections than the limit, one final
 * record for each life at most, each record within its own bounds, each alert resolved once, and nothing left after the end.
 */
#include "src/core/conn.h"
#include "src/core/wire_read.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	uint64_t events, finals;
	uint64_t leaks, resolved; /* sockets */
	struct conn_table *table;
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_conn(const struct conn_record *rec)
{
	uint64_t total_us = 0;

	check(rec->timeline_len >= 1 && rec->timeline_len <= CONN_TIMELINE_MAX);
	check(rec->end_ns >= rec->start_ns);
	check(memchr(rec->history, 0, sizeof(rec->history)) != NULL);
	check(rec->conn_state && conn_end_name(rec->end));
	check(!rec->complete || (rec->start_known && !rec->gaps));
	check(rec->close_kind == CONN_CLOSE_NONE || rec->closed_by != CONN_SIDE_UNKNOWN);
	for (unsigned int i = 0; i < rec->timeline_len; i++) {
		check(conn_state_name(rec->timeline[i].state) && rec->timeline[i].by < CONN_BY_MAX);
		check(i == 0 || rec->timeline[i].at_us >= rec->timeline[i - 1].at_us);
		total_us += rec->timeline[i].us;
	}
	check(total_us <= (rec->end_ns - rec->start_ns) / 1000 + 1 ||
	      rec->timeline[rec->timeline_len - 1].at_us >= (1ULL << 48) - 1);
}

static void emit(void *ctx, const struct record *rec)
{
	struct seen *seen = ctx;

	check(record_kind_name(rec->kind) != NULL);
	if (rec->kind == RECORD_CONNECTION)
		seen->finals++;
	if (rec->kind == RECORD_CONNECTION || rec->kind == RECORD_PROGRESS)
		check_conn(rec->conn);
	if (rec->kind == RECORD_CLOSE_WAIT_LEAK) {
		check(rec->leak->count);
		check(rec->leak->socket->verdict.cause < LEAK_CAUSE_MAX);
		seen->leaks += rec->leak->count;
	}
	if (rec->kind == RECORD_CLOSE_WAIT_RESOLVED)
		seen->resolved += rec->leak_resolved->count;
	check(seen->resolved <= seen->leaks);
}

static void feed(struct seen *seen, const struct wire_hdr *ev)
{
	struct conn_table_stats stats;

	conn_table_feed(seen->table, ev);
	conn_table_stats(seen->table, &stats);
	check(stats.tracked <= LIMIT);
	seen->events++;
}

static void run(const uint8_t *data, size_t size, enum conn_tw_mode time_wait)
{
	const struct conn_config config = {.max_connections = LIMIT,
					   .progress_ns = 1000000,
					   .summary_ns = 1000000,
					   .time_wait = time_wait,
					   .leak_threshold_ns = 1000000,
					   .wanted = (1u << RECORD_MAX) - 1};
	struct seen seen = {.events = 0};
	struct conn_table_stats stats;
	uint8_t *stream;

	check(!conn_table_new(&seen.table, &config, emit, &seen));
	stream = malloc(size ? size : 1); /* aligned, and of the exact size for the sanitizer */
	check(stream != NULL);
	if (size)
		memcpy(stream, data, size);
	for (size_t at = 0; at < size;) {
		const struct wire_hdr *ev = (const void *)(stream + at);

		if (!wire_valid(ev, size - at)) {
			at += 8; /* the next event may be sound */
			continue;
		}
		feed(&seen, ev);
		at += ev->len;
	}
	check(seen.finals <= seen.events);
	conn_table_stop(seen.table, UINT64_MAX);
	conn_table_stats(seen.table, &stats);
	check(!stats.tracked);
	check(seen.leaks == seen.resolved + stats.leaks_open);
	conn_table_free(seen.table);
	free(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (enum conn_tw_mode mode = CONN_TW_JOIN; mode <= CONN_TW_OFF; mode++)
		run(data, size, mode);
	return 0;
}
