/* SPDX-License-Identifier: GPL-2.0-only */
/* Leaks in JSON: close_wait_leak, close_wait_resolved, and what a leak scan adds to summary. */
#pragma once

#include "json_common.h"

void json_leak(struct json *j, const struct record *rec);
void json_leak_resolved(struct json *j, const struct record *rec);
void json_leak_totals(struct json *j, const struct leak_totals *totals);
uint32_t json_holders_len(const struct leak_record *l); /* entries of its longest list */
