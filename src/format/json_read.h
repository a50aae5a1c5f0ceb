/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads records from JSON lines: the reverse of json_conn.c. Any bytes may come. */
#pragma once

#include "ladder_steps.h"

#define JSON_READ_WHY_LEN 160

struct json_read {
	struct ladder_end end; /* `selected` is the caller's */
	bool has_cgroup;
	char cgroup[1200];
};

/* 1: a connection or its progress; 0: a record of another kind; -EINVAL: no such record, and `ret_why` says what is wrong. */
int json_read_line(const char *line, size_t len, struct json_read *ret, char ret_why[JSON_READ_WHY_LEN]);
