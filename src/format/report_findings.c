// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is wrong: findings that a run wrote, and those that other records show by the same rules. Where a run looked for a kind
 * of finding, its word counts.
 */
#include "report_part.h"

#include <string.h>

#include "finding_text.h"
#include "put.h"
#include "rfc3339.h"
#include "src/core/findings.h"

static int word_of(const char *text, const char *(*name)(unsigned int), unsigned int max)
{
	for (unsigned int i = 0; i < max; i++)
		if (name(i) && !strcmp(name(i), text))
			return (int)i;
	return -1;
}

struct report_finding *report_finding_add(struct report *r, enum finding_id what)
{
	struct report_finding *f;

	if (r->findings_len == REPORT_FINDINGS) {
		r->findings_dropped++;
		return NULL;
	}
	f = &r->findings[r->findings_len++];
	memset(f, 0, sizeof(*f));
	f->what = what;
	return f;
}

/* Records */

static struct report_finding *find_written(struct report *r, const char *id)
{
	for (unsigned int i = 0; i < r->findings_len; i++)
		if (*id && !strncmp(r->findings[i].id, id, sizeof(r->findings[i].id) - 1))
			return &r->findings[i];
	return NULL;
}

void report_finding(struct report *r, const struct report_record *rec)
{
	const char *id = report_text(rec->object, "finding_id", "");
	int what = word_of(report_text(rec->object, "finding", ""), finding_id_name, FINDING_MAX);
	int severity = word_of(report_text(rec->object, "severity", ""), finding_severity_name, FINDING_SEVERITY_MAX);
	struct report_finding *f;

	report_host(r, rec, 0)->values[ROW_DIAGNOSED] = 1;
	if (what < 0 || severity < 0) {
		r->cover.foreign_words++;
		return;
	}
	f = find_written(r, id) ?: report_finding_add(r, (enum finding_id)what);
	if (!f)
		return;
	report_copy(f->id, sizeof(f->id), id);
	f->severity = (enum finding_severity)severity;
	f->gone = !strcmp(report_text(rec->object, "what", ""), finding_what_name(FINDING_DOWN));
	f->count = report_uint(rec->object, "count");
	if (!rfc3339_read(report_text(rec->object, "since", ""), &f->since_us))
		f->since_us = 0;
	report_copy(f->host, sizeof(f->host), rec->host);
	report_copy(f->who, sizeof(f->who), report_text(json_object_get(rec->object, "process"), "comm", ""));
	report_copy(f->message, sizeof(f->message), report_text(rec->object, "message", ""));
	report_copy(f->hint, sizeof(f->hint), report_text(rec->object, "hint", ""));
	report_copy(f->command, sizeof(f->command), report_text(rec->object, "command", ""));
}

/* What other records show */

/* The same one again; it keeps the larger number. */
static struct report_finding *find_shown(struct report *r, const struct report_finding *like)
{
	for (unsigned int i = 0; i < r->findings_len; i++) {
		struct report_finding *f = &r->findings[i];

		if (!*f->id && f->what == like->what && !strcmp(f->host, like->host) && !strcmp(f->who, like->who) &&
		    !strcmp(f->command, like->command))
			return f;
	}
	return NULL;
}

void report_finding_write(struct report *r, const struct finding_record *finding, const struct report_where *where)
{
	struct report_finding made = {.what = finding->id, .severity = finding->severity, .count = finding->count}, *f;
	struct buf b;

	buf_init(&b, made.message, sizeof(made.message) - 1);
	finding_message(&b, finding);
	buf_init(&b, made.command, sizeof(made.command) - 1);
	finding_command(&b, finding);
	report_copy(made.hint, sizeof(made.hint), finding_hint(finding));
	report_copy(made.host, sizeof(made.host), where->host);
	report_copy(made.who, sizeof(made.who), where->process);
	f = find_shown(r, &made);
	if (f && f->count >= made.count)
		return;
	f = f ?: report_finding_add(r, made.what);
	if (f)
		*f = made;
}

static void judge(struct report *r, const struct report_row *row, struct finding_record f)
{
	bool of_process = f.id == FINDING_CLOSE_WAIT_LEAK;
	const struct report_where where = {report_key_field(&row->key, 0), of_process ? report_key_field(&row->key, 1) : ""};

	f.t = row->example;
	if (f.count && finding_judge(&f, false)) {
		finding_set_about(&f, f.about);
		report_finding_write(r, &f, &where);
	}
}

static void judge_peer(struct report *r, const struct report_row *row)
{
	const uint64_t *of = row->total_of, window = FINDING_WINDOW_NS;
	uint32_t peer = FINDING_PEER_ADDR | FINDING_PEER_PORT;
	uint32_t service = row->example.role == CONN_SERVER ? FINDING_LOCAL_PORT : peer;

	if (row->example.role == CONN_CLIENT) {
		judge(r, row,
		      (struct finding_record){.id = FINDING_CONNECT_REFUSED,
					      .about = peer,
					      .window_ns = window,
					      .count = row->worst.refused,
					      .of_known = true,
					      .of = of[0]});
		judge(r, row,
		      (struct finding_record){.id = FINDING_SYN_UNANSWERED,
					      .about = peer,
					      .window_ns = window,
					      .count = row->worst.unanswered});
		judge(r, row,
		      (struct finding_record){.id = FINDING_PORTS_USED_UP,
					      .about = peer | FINDING_LOCAL_ADDR,
					      .of_known = true,
					      .count = row->values[ROW_PORTS],
					      .of = row->values[ROW_PORT_RANGE]});
	}
	judge(r, row,
	      (struct finding_record){.id = FINDING_RESETS,
				      .about = service,
				      .window_ns = window,
				      .count = row->worst.resets,
				      .of_known = true,
				      .of = of[1]});
}

static void judge_group(struct report *r, const struct report_row *row)
{
	uint32_t peer = FINDING_PEER_ADDR | FINDING_PEER_PORT;
	struct finding_record f = {.id = FINDING_CLOSE_WAIT_LEAK, .count = row->values[GROUP_LEAKING], .oldest_known = true};

	f.about = row->example.role == CONN_CLIENT ? peer : FINDING_LOCAL_PORT;
	f.oldest_ns = (report_leak_age(r, &row->key) ?: row->values[GROUP_AGE_US]) * 1000;
	f.cause = (enum leak_cause)row->values[GROUP_CAUSE];
	f.cause_certain = row->values[GROUP_CAUSE_CERTAIN];
	judge(r, row, f);
}

static bool is_worse(const struct report_finding *a, const struct report_finding *b)
{
	if (a->gone != b->gone)
		return b->gone;
	if (a->severity != b->severity)
		return a->severity > b->severity;
	return a->what != b->what ? a->what < b->what : a->count > b->count;
}

static void sort(struct report *r)
{
	for (unsigned int i = 1; i < r->findings_len; i++) {
		struct report_finding f = r->findings[i];
		unsigned int at = i;

		for (; at && is_worse(&f, &r->findings[at - 1]); at--)
			r->findings[at] = r->findings[at - 1];
		r->findings[at] = f;
	}
}

/* A run on this host has written such a finding. */
static bool is_written(const struct report *r, const struct report_finding *shown)
{
	for (unsigned int i = 0; i < r->findings_len; i++) {
		const struct report_finding *f = &r->findings[i];

		if (*f->id && f->what == shown->what && !strcmp(f->host, shown->host))
			return true;
	}
	return false;
}

/* Those that a run has looked for are not said twice. */
static void drop_doubles(struct report *r)
{
	bool is_double[REPORT_FINDINGS];
	unsigned int kept = 0;

	for (unsigned int i = 0; i < r->findings_len; i++)
		is_double[i] = !*r->findings[i].id && is_written(r, &r->findings[i]);
	for (unsigned int i = 0; i < r->findings_len; i++)
		if (!is_double[i])
			r->findings[kept++] = r->findings[i];
	r->findings_len = kept;
}

void report_judge(struct report *r)
{
	for (unsigned int i = 0; i < r->peers.len; i++)
		judge_peer(r, &r->peers.rows[i]);
	for (unsigned int i = 0; i < r->groups.len; i++)
		judge_group(r, &r->groups.rows[i]);
	drop_doubles(r);
	sort(r);
	report_leaks_age(r);
}
