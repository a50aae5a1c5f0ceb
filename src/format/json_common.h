/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the JSON format share. The bodies of records are json.c's, json_conn.c's and json_leak.c's. */
#pragma once

#include "format.h"
#include "json_write.h"

#define JSON_STRING_MAX 256 /* bytes of a line for the host's name and its like */
#define JSON_REASON_MAX 64  /* for the reason of a reset */
#define JSON_PATH_MAX 1024  /* for exe and for cgroup: with both a record still fits */
#define JSON_CMDLINE_MAX 512
#define JSON_HEX_MAX 256 /* bytes of a path that its exact form has */

/* A line in the making. */
struct json {
	struct buf b;
	const struct record_context *context;
	const char *boot_id;              /* of ids; NULL: not known */
	const struct record_owner *owner; /* never NULL */
	uint64_t seq;
	enum format_detail detail;
	uint32_t sample;
	const struct format_before *before; /* NULL: not known */
	struct format_memory *memory;       /* NULL: none */
	unsigned int drop; /* this many entries are left out of the middle of the record's lists, to make it fit */
};

void json_connection(struct json *j, const struct record *rec);
void json_leak(struct json *j, const struct record *rec);
void json_leak_resolved(struct json *j, const struct record *rec);
void json_finding(struct json *j, const struct record *rec);

/* Of several records. */
void json_tuple(struct json *j, const struct conn_tuple *t);
void json_whose(struct json *j, const struct conn_tuple *t); /* its process, and what that belongs to */
void json_opener(struct json *j, const struct wire_task *opener, bool ended);
void json_diagnosis(struct json *j, const struct diagnosis *diagnosis);
void json_retransmits(struct json *j, const struct conn_retransmits *again);
void json_time_wait(struct json *j, const struct conn_time_wait *tw); /* nothing if it was not entered */
void json_listeners(struct json *j, const struct conn_summary_record *s);
void json_namespaces(struct json *j, const struct conn_summary_record *s);
size_t json_summary_len(const struct conn_summary_record *s); /* entries of its lists that may be left out */
void json_leak_totals(struct json *j, const struct leak_totals *totals);
uint32_t json_holders_len(const struct leak_record *l); /* entries of its longest list */

int64_t json_wall(const struct json *j, uint64_t ts);
void json_text(struct json *j, struct jsonw_key key, const char *text); /* NULL: null */
void json_reason(struct json *j, uint32_t reason);

/* What is not UTF-8 has a second key with the exact bytes, and what is cut a third one with the whole length. */
struct json_path_keys {
	struct jsonw_key text, hex, len;
};
#define PATH_KEYS(name) ((struct json_path_keys){KEY(name), KEY(name "_hex"), KEY(name "_len")})
void json_path(struct json *j, struct json_path_keys keys, const char *path); /* NULL: null */

/* Keeps what the line has from `begin` on. False: it is too long. */
bool json_remember(const struct json *j, struct format_part *part, const char *begin);

/* Writes what is the same in each line of the run: `part` of the memory, or by `write` if there is none. */
void json_repeat(struct json *j, struct format_part *part, void (*write)(struct json *j));

/* A piece. The mark is "." or ".g"; a cookie stands so in conn_id, with ".". */
char *json_put_boot(const struct json *j, char *p, struct jsonw_key key, const char *mark); /* up to the number */
char *json_put_id(const struct json *j, char *p, struct jsonw_key key, const char *mark, uint64_t number);
