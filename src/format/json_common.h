/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the JSON format share. */
#pragma once

#include "format.h"
#include "json_write.h"

#define JSON_STRING_MAX 256 /* bytes of a line for the host's name and its like */
#define JSON_REASON_MAX 64  /* for the reason of a reset */
#define JSON_PATH_MAX 1024  /* for exe and for cgroup: with both a record still fits */

/* A line in the making. */
struct json {
	struct buf b;
	const struct record_context *context;
	const struct record_owner *owner; /* never NULL */
	uint64_t seq;
	unsigned int drop; /* this many entries are left out of the middle of the record's lists, to make it fit */
};

int64_t json_wall(const struct json *j, uint64_t ts);
void json_string(struct json *j, struct jsonw_key key, const char *text);
void json_reason(struct json *j, uint32_t reason);
void json_cookie(struct json *j, struct jsonw_key key, uint64_t cookie); /* as in conn_id */
