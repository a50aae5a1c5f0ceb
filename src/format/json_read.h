/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads records from JSON lines: the reverse of json_conn.c. Any bytes may come. */
#pragma once

#include "ladder_steps.h"

#include <jansson.h>

#define JSON_READ_WHY_LEN 160

struct json_read {
	struct ladder_end end; /* `selected` is the caller's */
	bool has_cgroup;
	char cgroup[1200];
};

/* 1: a connection or its progress; 0: a record of another kind; -EINVAL: no such record, and `ret_why` says what is wrong. */
int json_read_line(const char *line, size_t len, struct json_read *ret, char ret_why[JSON_READ_WHY_LEN]);

/* The same of a line that is parsed: its enum record_kind, RECORD_MAX for an event of a later version, or -EINVAL. */
int json_read_kind(const json_t *object, char ret_why[JSON_READ_WHY_LEN]);

/* A connection, its progress, or what else has the keys of a connection; -EINVAL as above. */
int json_read_record(const json_t *object, struct json_read *ret, char ret_why[JSON_READ_WHY_LEN]);
