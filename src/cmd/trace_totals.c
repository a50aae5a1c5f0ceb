// SPDX-License-Identifier: GPL-2.0-only
#include "trace_totals.h"

#include <stdio.h>

static void print_lost(uint64_t lost, const char *by_stage)
{
	fprintf(stderr, ", %llu lost", (unsigned long long)lost);
	if (lost)
		fprintf(stderr, " (%s)", by_stage);
}

static void print_left_out(uint64_t left_out)
{
	if (left_out)
		fprintf(stderr, ", %llu left out for --cpu-limit and --memory-limit", (unsigned long long)left_out);
}

static void print_kept(const struct output_result *r)
{
	if (r->kept + r->earlier_kept)
		fprintf(stderr, ", %llu in the spool for the next run", (unsigned long long)(r->kept + r->earlier_kept));
	if (r->earlier_delivered || r->earlier_lost)
		fprintf(stderr, ", %llu of earlier runs delivered and %llu of them lost",
			(unsigned long long)r->earlier_delivered, (unsigned long long)r->earlier_lost);
}

/* Of several outputs, what became of each; their sum in *ret_sum. */
static void print_outputs(const struct output_result *results, size_t n, struct output_result *ret_sum)
{
	char stages[80];

	*ret_sum = (struct output_result){0};
	for (size_t i = 0; i < n; i++) {
		const struct output_result *r = &results[i];

		ret_sum->written += r->written;
		ret_sum->dropped += r->dropped;
		ret_sum->lost += r->lost;
		ret_sum->left_out += r->left_out;
		ret_sum->kept += r->kept;
		ret_sum->earlier_kept += r->earlier_kept;
		ret_sum->earlier_delivered += r->earlier_delivered;
		ret_sum->earlier_lost += r->earlier_lost;
		if (n == 1)
			return;
		snprintf(stages, sizeof(stages), "queue %llu, write %llu", (unsigned long long)r->dropped,
			 (unsigned long long)r->lost);
		fprintf(stderr, "tcplife-fsm: output %s: %llu records", r->name, (unsigned long long)r->written);
		print_lost(r->dropped + r->lost, stages);
		print_left_out(r->left_out);
		print_kept(r);
		fputc('\n', stderr);
	}
}

void trace_print_totals(const struct trace_totals *t, const struct output_result *results, size_t n)
{
	const struct pipeline_stats *s = &t->stats;
	uint64_t hook = s->lost[WIRE_LOST_HOOK], ring = s->lost[WIRE_LOST_RING], table = s->lost[WIRE_LOST_TABLE];
	struct output_result sum;
	char stages[160];

	if (t->only_losses && !hook && !ring && !table)
		return;
	print_outputs(results, n, &sum);
	snprintf(stages, sizeof(stages), "hook %llu, ring %llu, table %llu, queue %llu, write %llu", (unsigned long long)hook,
		 (unsigned long long)ring, (unsigned long long)table, (unsigned long long)sum.dropped,
		 (unsigned long long)sum.lost);
	fprintf(stderr, "tcplife-fsm: %llu events, %llu records", (unsigned long long)s->events,
		(unsigned long long)sum.written);
	print_lost(hook + ring + table + sum.dropped + sum.lost, stages);
	print_left_out(sum.left_out);
	print_kept(&sum);
	if (s->leaks_open)
		fprintf(stderr, ", %llu leaks in CLOSE_WAIT go on", (unsigned long long)s->leaks_open);
	if (t->not_recorded)
		fprintf(stderr, ", %llu of the events not in the recording", (unsigned long long)t->not_recorded);
	if (t->live)
		fprintf(stderr, ", %llu hits of hooks ignored, %llu new programs without a wakeup",
			(unsigned long long)live_ignored(t->live), (unsigned long long)live_wakes_saved(t->live));
	fputc('\n', stderr);
}
