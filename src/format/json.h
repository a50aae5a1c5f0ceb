/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the JSON sink share. */
#ifndef FORMAT_JSON_H
#define FORMAT_JSON_H

#include <stdint.h>

#include "format.h"
#include "json_write.h"

struct leak_record;
struct leak_resolved_record;
struct leak_totals;

#define JSON_RESETS_REASON_MAX 64
#define JSON_PATH_MAX 1024 /* of the line, for exe and for cgroup: with both a record still fits */

/* A line in the making. */
struct json {
	struct buf b;
	const struct record_context *context;
	const struct record_owner *owner; /* never NULL */
	unsigned int drop;                /* so many entries are left out of the middle of the record's lists, to make it fit */
};

int64_t json_wall(const struct json *j, uint64_t ts);
void json_reason(struct json *j, uint32_t reason);

void json_tuple(struct json *j, const struct conn_tuple *t);
void json_connection(struct json *j, const struct conn_record *c);
void json_cookie(struct json *j, struct jsonw_key key, uint64_t cookie); /* as in conn_id */
uint32_t json_holders_len(const struct leak_record *l);
void json_leak(struct json *j, const struct leak_record *l);
void json_leak_resolved(struct json *j, const struct leak_resolved_record *r);
void json_retransmits(struct json *j, const struct conn_retransmits *again);
void json_leak_totals(struct json *j, const struct leak_totals *totals);
void json_time_wait(struct json *j, const struct conn_time_wait *tw); /* nothing if it was not entered */

#endif
