/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of a report share. */
#pragma once

#include "report.h"

/* A record with what all parts want of it. */
struct report_record {
	const json_t *object;
	enum record_kind kind;
	int64_t ts_us;
	const char *host, *instance; /* "": not known */
};

/* A string of the object; `instead` if there is none. */
const char *report_text(const json_t *object, const char *key, const char *instead);
uint64_t report_uint(const json_t *object, const char *key); /* 0: null, absent or no number from 0 on */
void report_copy(char *to, size_t size, const char *text);   /* cut between two characters */

/* What a connection is about: the peer of one that was opened here, the local port of one that was accepted. */
void report_key_dependency(struct report_key *key, const struct conn_tuple *t);
void report_key_process(struct report_key *key, const struct conn_tuple *t);
void report_key_of(struct report_key *key, const char *text);

struct report_row *report_host(struct report *r, const struct report_record *rec, uint64_t weight);
void report_cover_time(struct report *r, int64_t from_us, int64_t to_us); /* of the axis */

/* report_conn.c, report_alerts.c, report_runs.c, report_findings.c: the record of r->line, if the kind has a connection. */
void report_connection(struct report *r, const struct report_record *rec);
void report_time_wait(struct report *r, const struct report_record *rec);
void report_reset(struct report *r, const struct report_record *rec);
void report_retransmit(struct report *r, const struct report_record *rec);
void report_leak(struct report *r, const struct report_record *rec);
bool report_cause_certain(const json_t *object);
void report_resolved(struct report *r, const struct report_record *rec);
void report_meta(struct report *r, const struct report_record *rec);
void report_lost(struct report *r, const struct report_record *rec);
void report_summary(struct report *r, const struct report_record *rec);
void report_finding(struct report *r, const struct report_record *rec);

/* report_alerts.c: of the oldest that still leaks and has an alert of its own, at the end; 0: there is none */
uint64_t report_leak_age(const struct report *r, const struct report_key *group);

/* report_alerts.c: sockets that leak are as old as the records of their run show, not as old as at the alert; the oldest first
 */
void report_leaks_age(struct report *r);

/* report_findings.c: a finding that is not written yet; NULL: there is no room. */
struct report_finding *report_finding_add(struct report *r, enum finding_id what);
struct report_where {
	const char *host, *process; /* "": not known, or of all */
};
void report_finding_write(struct report *r, const struct finding_record *finding, const struct report_where *where);

/* report_examples.c */
void report_examples_init(struct report *r);
void report_example_longest(struct report *r, const struct report_record *rec);
void report_example_failed(struct report *r, const struct report_record *rec);
void report_example_leaking(struct report *r, const struct report_record *rec, uint64_t in_state_us);
void report_example_grown(struct report *r); /* a record of its whole life, which goes on: more than an alert knows */
void report_example_left(struct report *r, const struct report_alert *alert); /* fewer sockets leak under it now */
void report_example_over(struct report *r);                                   /* it has ended: what leaked does not any more */
