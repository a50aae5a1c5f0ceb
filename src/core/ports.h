/* SPDX-License-Identifier: GPL-2.0-only */
/* Which local ports are used up: by the connections that we opened from one address to one other. */
#pragma once

#include "table.h"

/* Which ports connect() chooses from in a namespace. */
void ports_set_range(struct conn_table *t, const struct wire_port_range *ev);

/* Pairs of addresses that use more than half of their range, into the summary. Reads every connection twice. */
void ports_fill(const struct conn_table *t, struct conn_summary_record *sum);

/* Whose most of a pair's connections are, as far as it was seen. Reads every connection. */
struct ports_owner {
	const struct conn *example;          /* NULL: there is none */
	const struct conn *example_of_owner; /* NULL: not known */
	uint64_t count;                      /* of that process */
};
void ports_owner(const struct conn_table *t, const struct conn_ports_row *row, struct ports_owner *ret_owner);
