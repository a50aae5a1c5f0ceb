// SPDX-License-Identifier: GPL-2.0-only
/* A look as JSON lines: each leak, and a summary; or as CSV: a row for each leak. */
#include "leaks_lines.h"

#include "leaks_look.h"
#include "src/core/queues.h"

#include <sys/stat.h>

#define MINUTE_NS 60000000000ll

static void put_line(struct leaks *l, const struct record *rec, const struct record_owner *owner)
{
	const struct format_input in = {.context = &l->context, .rec = rec, .owner = owner, .seq = l->seq};
	const struct format *format = l->options->csv ? &format_csv_leak : &format_json;
	size_t len = format->format(&in, l->line, sizeof(l->line));

	l->seq++;
	leaks_out_put(&l->out, l->line, len);
}

static void write_leak(struct leaks *l, const struct leak_socket *socket)
{
	const struct leak_group *group = leak_groups_of(&l->groups, socket);
	uint64_t watch_ns = l->scanned_ns - l->before_ns;
	struct leak_record leak = {
		.socket = socket,
		.holders = l->set.holders,
		.threshold_ns = l->options->threshold_ns,
		.alert.id = socket->t.cookie,
		.count = 1,
		.group_open = group->count,
		.growth_known = l->before_ns != 0,
		.change = l->options->watch_ns ? &l->looks.change : NULL,
		.is_new = leak_looks_has_new(&l->looks, socket->t.cookie),
	};
	struct record_owner owner;

	if (leak.growth_known)
		leak.growth_per_min =
			(int64_t)(group->count - group->before) * (MINUTE_NS / 1000) / (int64_t)(watch_ns / 1000 + 1);
	leaks_describe(l, &socket->t, &owner);
	put_line(l, &(struct record){.kind = RECORD_CLOSE_WAIT_LEAK, .ts = l->scanned_ns, .leak = &leak}, &owner);
}

/* Once; of a file, if that is empty, so that one which SIGHUP began has it, too. */
static void put_header(struct leaks *l)
{
	struct stat st;
	bool is_file = !fstat(l->out.fd, &st) && S_ISREG(st.st_mode);

	if (is_file ? !st.st_size : !l->has_header)
		leaks_out_put(&l->out, l->line, format_csv_leak.begin(NULL, l->line, sizeof(l->line)));
	l->has_header = true;
}

void leaks_write_lines(struct leaks *l, const struct leak_totals *totals)
{
	struct conn_summary_record summary = {
		.close_wait_any = totals->close_wait,
		.close_wait_oldest_us = totals->oldest_ns / 1000,
		.leaks = totals,
	};
	const struct leak_socket *socket;

	if (l->options->csv)
		put_header(l);
	leak_set_for_each (socket, &l->set) {
		if (leaks_has(l, socket))
			write_leak(l, socket);
	}
	queues_full(&l->set.listeners, leaks_wants_listener, l, &summary);
	put_line(l, &(struct record){.kind = RECORD_SUMMARY, .ts = l->scanned_ns, .summary = &summary}, NULL);
}
