// SPDX-License-Identifier: GPL-2.0-only
/*
 * Watches for --duration, and then says what is wrong on this host, the worst first, and what was looked at. It takes findings
 * from the pipeline as any consumer does: those that stand at the end, and those that have come and gone.
 */
#include "commands.h"
#include "findings_kept.h"
#include "run.h"
#include "src/format/finding_text.h"
#include "src/format/units.h"
#include "src/pipeline/live.h"
#include "src/pipeline/select.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX (4 * FORMAT_LINE_MAX)

struct diagnose {
	const struct options *options;
	struct run_consumer run;
	struct findings_kept kept;
	struct diagnosis diagnosis;
	uint64_t begun_ns, seq;
	char text[TEXT_MAX];
};

static void put_record(struct diagnose *d, const struct record_context *context, const struct record *rec,
		       const struct record_owner *owner)
{
	const struct format_input in = {.context = context, .rec = rec, .owner = owner, .seq = d->seq};
	size_t len = format_json.format(&in, d->text, sizeof(d->text));

	if (len && d->run.put(d->run.put_ctx, d->text, len))
		d->seq++;
}

static void put_buf(struct diagnose *d, struct buf *b)
{
	d->run.put(d->run.put_ctx, b->start, (size_t)(b->p - b->start));
	buf_init(b, d->text, sizeof(d->text));
}

static void write_json(struct diagnose *d, const struct record_context *context, uint64_t now)
{
	const struct conn_summary_record summary = {.diagnosis = &d->diagnosis};

	for (size_t i = 0; i < d->kept.len; i++)
		put_record(d, context,
			   &(struct record){
				   .kind = RECORD_FINDING, .ts = d->kept.items[i].ts, .finding = &d->kept.items[i].finding},
			   &d->kept.items[i].owner);
	put_record(d, context, &(struct record){.kind = RECORD_SUMMARY, .ts = now, .summary = &summary}, NULL);
}

static void write_text(struct diagnose *d, const struct record_context *context)
{
	struct buf b;

	buf_init(&b, d->text, sizeof(d->text));
	finding_text_head(&b, &d->diagnosis, context->hostname);
	put_buf(d, &b);
	for (size_t i = 0; i < d->kept.len; i++) {
		finding_text(&b, &d->kept.items[i].finding, &d->kept.items[i].owner, context->foreign_pids);
		put_buf(d, &b);
	}
	finding_text_end(&b, &d->diagnosis);
	put_buf(d, &b);
}

/* What the run knows besides its records. */
static void complete(struct diagnose *d, const struct record_context *context, const struct record *rec)
{
	struct pipeline_stats stats;
	struct live_reach reach;

	live_reach(d->run.live, &reach);
	pipeline_stats(live_pipeline(d->run.live), &stats);
	d->diagnosis.findings = d->kept.len;
	d->diagnosis.left_out = stats.findings_left_out + d->kept.left_out;
	d->diagnosis.socket_scans = stats.finding_scans;
	d->diagnosis.lost = stats.lost[WIRE_LOST_HOOK] + stats.lost[WIRE_LOST_RING] + stats.lost[WIRE_LOST_TABLE];
	d->diagnosis.scans_failed = reach.leak_scans_failed;
	d->diagnosis.namespaces_missed = reach.namespaces_missed;
	d->diagnosis.foreign_pids = context->foreign_pids;
	d->diagnosis.hooks = rec->meta->hooks;
	d->diagnosis.hooks_len = rec->meta->hooks_len;
	d->diagnosis.watched_us = (rec->ts - d->begun_ns) / 1000;
	d->diagnosis.asked_us = d->options->duration_ns / 1000;
}

/* For cron: silence would say that all was looked at. */
static void say_blind(struct diagnose *d)
{
	struct buf b;

	if (!finding_text_is_blind(&d->diagnosis))
		return;
	buf_init(&b, d->text, sizeof(d->text));
	finding_text_missing(&b, &d->diagnosis, "tcplife-fsm: found nothing wrong, but did not look at:\n");
	fwrite(b.start, 1, (size_t)(b.p - b.start), stderr);
}

static void report(struct diagnose *d, const struct record_context *context, const struct record *rec)
{
	complete(d, context, rec);
	findings_kept_sort(&d->kept);
	if (d->options->quiet && !d->kept.len)
		say_blind(d);
	else if (d->options->json)
		write_json(d, context, rec->ts);
	else
		write_text(d, context);
}

/* Half a minute of silence looks like a program that hangs. */
static void begin(struct diagnose *d, uint64_t now)
{
	char text[UNITS_MAX + 1];

	d->begun_ns = now;
	*units_duration(text, d->options->duration_ns / 1000) = '\0';
	if (!d->options->quiet)
		warn("watching for %s; Ctrl-C ends it early", text);
}

static void take_meta(struct diagnose *d, const struct record_context *context, const struct record *rec)
{
	if (!strcmp(rec->meta->what, "ready"))
		begin(d, rec->ts);
	else if (!strcmp(rec->meta->what, "stop"))
		report(d, context, rec);
}

static void take_finding(struct diagnose *d, const struct record *rec, const struct record_owner *owner)
{
	if (rec->finding->what == FINDING_UP || !selection_matches(&d->options->select, rec, owner))
		return;
	if (d->options->ignored & 1u << rec->finding->id)
		d->diagnosis.ignored++;
	else
		findings_kept_put(&d->kept, rec, owner);
}

static void take(void *ctx, const struct record_context *context, const struct record *rec, const struct record_owner *owner)
{
	struct diagnose *d = ctx;

	switch (rec->kind) {
	case RECORD_FINDING:
		take_finding(d, rec, owner);
		break;
	case RECORD_CONNECTION:
		d->diagnosis.connections++;
		break;
	case RECORD_SNAPSHOT:
		if (rec->snapshot->cause != WIRE_SCAN_STARTUP)
			break;
		d->diagnosis.sockets = rec->snapshot->sockets;
		d->diagnosis.namespaces = rec->snapshot->namespaces;
		break;
	case RECORD_META:
		take_meta(d, context, rec);
		break;
	default:
		break;
	}
}

int command_diagnose(const struct options *options)
{
	struct diagnose d = {.options = options};
	int exit_code;

	d.run.quiet = options->quiet;
	d.run.last_look = true; /* a scan that waits for its turn would leave out what has aged since the last one */
	d.run.consumer = (struct record_consumer){
		.events = 1u << RECORD_FINDING | 1u << RECORD_CONNECTION | 1u << RECORD_SNAPSHOT | 1u << RECORD_META,
		.take = take,
		.ctx = &d,
	};
	exit_code = trace_run(options, &d.run);
	if (!exit_code && d.kept.no_memory)
		exit_code = fail(EXIT_RUNTIME, "out of memory: not all findings are shown");
	if (!exit_code && d.kept.len)
		exit_code = EXIT_LEAKS;
	findings_kept_free(&d.kept);
	return exit_code;
}
