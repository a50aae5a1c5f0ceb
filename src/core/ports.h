/* SPDX-License-Identifier: GPL-2.0-only */
/* Which local ports are used up: by the connections that we opened from one address to one other. */
#pragma once

#include "table.h"

/* Which ports connect() chooses from in a namespace. */
void ports_set_range(struct conn_table *t, const struct wire_port_range *ev);

/* Pairs of addresses that use more than half of their range, into the summary. Reads every connection twice. */
void ports_fill(const struct conn_table *t, struct conn_summary_record *sum);
