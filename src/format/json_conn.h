/* SPDX-License-Identifier: GPL-2.0-only */
/* A connection in JSON. */
#pragma once

#include "json_common.h"

void json_tuple(struct json *j, const struct conn_tuple *t);
void json_connection(struct json *j, const struct record *rec);
void json_retransmits(struct json *j, const struct conn_retransmits *again);
void json_time_wait(struct json *j, const struct conn_time_wait *tw); /* nothing if it was not entered */
