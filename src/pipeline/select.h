/* SPDX-License-Identifier: GPL-2.0-only */
/* Which records pass the user's selection. Applied to finished records, so that it never disturbs tracking. */
#pragma once

#include "filter.h"
#include "src/core/record_types.h"

struct port_range {
	uint16_t first, last;
};

/* An address with a port, of either end. */
struct endpoint {
	struct in6_addr addr; /* IPv4 as ::ffff:a.b.c.d */
	uint16_t port;        /* 0: any endpoint */
};

/* A growing array, owned: what one option was given. */
struct value_list {
	void *items;
	size_t len;
};

/* Values of one selection are joined by or, selections by and. An empty list selects everything. */
struct selection {
	uint64_t cookie; /* 0: any */
	char boot[9];    /* first 8 digits of the boot id that belongs to the cookie; "": any */
	struct endpoint endpoint;
	struct value_list pids;                    /* of uint32_t */
	const char *comm;                          /* exact name, up to 15 bytes; NULL: any */
	struct value_list local_ports, peer_ports; /* of struct port_range */
	struct value_list local_nets, peer_nets;   /* of struct cidr */
	bool ipv4, ipv6;                           /* neither or both: no selection */
	struct value_list namespaces;              /* of uint32_t, inode numbers of network namespaces */
	const char *cgroup;                        /* this path and everything below it; NULL: any */
	uint64_t min_duration_ns;
	uint32_t states; /* 1 << enum wire_tcp_state: was ever in one of them; 0: any */
	uint32_t ends;   /* 1 << enum conn_end; 0: any */
	struct filter filter;
	uint32_t sample; /* one of so many connections, with all its records; 0 and 1: all. Alerts are not sampled */
};

void selection_free(struct selection *select); /* its lists */

/*
 * Records of the whole run (summary, lost, meta, snapshot) always pass. A reset or retransmit record that counts for sockets
 * which are not tracked passes unless the selection asks for what it does not have. `owner` may be NULL.
 */
bool selection_matches(const struct selection *select, const struct record *rec, const struct record_owner *owner);

/* The part of it that a tuple can answer, without the filter. */
bool selection_matches_tuple(const struct selection *select, const struct conn_tuple *tuple, const struct record_owner *owner);

/* The filter: `states` as in struct filter_subject. */
bool selection_filter_matches(const struct selection *select, const struct conn_tuple *tuple, const struct record_owner *owner,
			      uint32_t states);

/* Nothing matches without an owner whose cgroup is known. */
bool selection_asks_cgroup(const struct selection *select);
