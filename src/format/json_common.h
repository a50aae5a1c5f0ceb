/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the JSON format share. The bodies of records are json.c's, json_conn.c's and json_leak.c's. */
#pragma once

#include "format.h"
#include "json_write.h"

#define JSON_STRING_MAX 256 /* bytes of a line for the host's name and its like */
#define JSON_REASON_MAX 64  /* for the reason of a reset */
#define JSON_MARK_MAX 2     /* what an id has between the boot and its number */
#define JSON_PATH_MAX 1024  /* for exe and for cgroup: with both a record still fits */

/* A line in the making. */
struct json {
	struct buf b;
	const struct record_context *context;
	const struct record_owner *owner; /* never NULL */
	uint64_t seq;
	unsigned int drop; /* this many entries are left out of the middle of the record's lists, to make it fit */
};

void json_connection(struct json *j, const struct record *rec);
void json_leak(struct json *j, const struct record *rec);
void json_leak_resolved(struct json *j, const struct record *rec);

/* Of several records. */
void json_tuple(struct json *j, const struct conn_tuple *t);
void json_retransmits(struct json *j, const struct conn_retransmits *again);
void json_time_wait(struct json *j, const struct conn_time_wait *tw); /* nothing if it was not entered */
void json_leak_totals(struct json *j, const struct leak_totals *totals);
uint32_t json_holders_len(const struct leak_record *l); /* entries of its longest list */

int64_t json_wall(const struct json *j, uint64_t ts);
void json_text(struct json *j, struct jsonw_key key, const char *text); /* NULL: null */
void json_path(struct json *j, struct jsonw_key key, const char *path); /* likewise */
void json_reason(struct json *j, uint32_t reason);
void json_id(struct json *j, struct jsonw_key key, const char *mark, uint64_t number); /* mark: "." or ".g" */
void json_cookie(struct json *j, struct jsonw_key key, uint64_t cookie);               /* as in conn_id */
