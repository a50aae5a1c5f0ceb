// SPDX-License-Identifier: GPL-2.0-only
/* Findings, and what `diagnose` looked at. */
#include "json_common.h"

#include "finding_text.h"

static void json_sentence(struct json *j, struct jsonw_key key, void (*put)(struct buf *, const struct finding_record *),
			  const struct finding_record *f)
{
	char text[FINDING_TEXT_MAX];
	struct buf b;

	buf_init(&b, text, sizeof(text));
	put(&b, f);
	jsonw_text(&j->b, key, text, (size_t)(b.p - text), FINDING_TEXT_MAX);
}

/* Addresses and ports are there if they hold for all of it. */
static void json_about(struct json *j, const struct finding_record *f)
{
	const struct wire_ident *id = &f->t.id;
	bool ipv4 = fmt_is_ipv4(id);
	struct buf *b = &j->b;

	jsonw_uint_if(b, KEY("netns"), id->netns != 0, id->netns);
	if (f->about & FINDING_LOCAL_ADDR)
		jsonw_addr(b, KEY("local_addr"), id->local_addr, ipv4);
	if (f->about & FINDING_LOCAL_PORT)
		jsonw_uint(b, KEY("local_port"), id->local_port);
	if (f->about & FINDING_PEER_ADDR)
		jsonw_addr(b, KEY("peer_addr"), id->peer_addr, ipv4);
	if (f->about & FINDING_PEER_PORT)
		jsonw_uint(b, KEY("peer_port"), id->peer_port);
	if (f->t.cookie)
		jsonw_take(b, json_put_id(j, b->p, KEY("example_conn_id"), ".", f->t.cookie));
}

static void json_numbers(struct json *j, const struct finding_record *f)
{
	struct buf *b = &j->b;

	jsonw_uint(b, KEY("count"), f->count);
	if (f->of_known)
		jsonw_uint(b, KEY("of"), f->of);
	jsonw_uint(b, KEY("limit"), f->limit);
	if (f->limit_percent)
		jsonw_uint(b, KEY("limit_percent"), f->limit_percent);
	if (f->oldest_known)
		jsonw_uint(b, KEY("oldest_us"), f->oldest_ns / 1000);
	if (f->theirs)
		jsonw_uint(b, KEY("theirs"), f->theirs);
}

void json_finding(struct json *j, const struct record *rec)
{
	const struct finding_record *f = rec->finding;
	struct buf *b = &j->b;

	jsonw_word(b, KEY("what"), finding_what_name(f->what));
	jsonw_word(b, KEY("finding"), finding_id_name(f->id));
	jsonw_take(b, json_put_id(j, b->p, KEY("finding_id"), ".f", f->number));
	jsonw_word(b, KEY("severity"), finding_severity_name(f->severity));
	jsonw_time(b, KEY("since"), json_wall(j, f->since_ns));
	json_about(j, f);
	json_whose(j, &f->t);
	if (j->owner->unit)
		jsonw_text(b, KEY("unit"), j->owner->unit, j->owner->unit_len, JSON_STRING_MAX);
	json_numbers(j, f);
	if (f->id == FINDING_CLOSE_WAIT_LEAK || f->id == FINDING_HELD_BY_CHILD) {
		jsonw_word(b, KEY("cause"), leak_cause_name(f->cause));
		jsonw_bool(b, KEY("cause_certain"), f->cause_certain);
		if (f->cause_count && f->cause_count < f->count)
			jsonw_uint(b, KEY("cause_count"), f->cause_count);
		json_opener(j, &f->opener, f->opener_ended);
	}
	json_sentence(j, KEY("message"), finding_message, f);
	jsonw_word(b, KEY("hint"), finding_hint(f));
	json_sentence(j, KEY("command"), finding_command, f);
}

static void json_missing_hooks(struct json *j, const struct diagnosis *d)
{
	struct buf *b = &j->b;

	jsonw_open(b, KEY("hooks_missing"), '[');
	for (size_t i = 0; i < d->hooks_len; i++) {
		if (d->hooks[i].ok || d->hooks[i].not_needed)
			continue;
		jsonw_open(b, KEY_NONE, '{');
		json_text(j, KEY("name"), d->hooks[i].name);
		json_text(j, KEY("why"), d->hooks[i].why);
		jsonw_close(b, '}');
	}
	jsonw_close(b, ']');
}

void json_diagnosis(struct json *j, const struct diagnosis *d)
{
	struct buf *b = &j->b;

	jsonw_open(b, KEY("diagnosis"), '{');
	jsonw_uint(b, KEY("findings"), d->findings);
	jsonw_uint(b, KEY("ignored"), d->ignored);
	jsonw_uint(b, KEY("watched_us"), d->watched_us);
	jsonw_bool(b, KEY("ended_early"), d->watched_us < d->asked_us);
	jsonw_uint(b, KEY("sockets"), d->sockets);
	jsonw_uint(b, KEY("namespaces"), d->namespaces);
	jsonw_uint(b, KEY("connections"), d->connections);
	jsonw_uint(b, KEY("socket_scans"), d->socket_scans);
	jsonw_bool(b, KEY("socket_scans_failed"), d->scans_failed);
	json_text(j, KEY("socket_scans_error"), d->scans_failed);
	jsonw_uint(b, KEY("namespaces_missed"), d->namespaces_missed);
	json_missing_hooks(j, d);
	jsonw_bool(b, KEY("foreign_pids"), d->foreign_pids);
	jsonw_uint(b, KEY("events_lost"), d->lost);
	jsonw_uint(b, KEY("left_out"), d->left_out);
	jsonw_close(b, '}');
}
