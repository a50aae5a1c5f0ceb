/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An expression of conditions on a connection, with three values as in SQL: a condition on what is not known is neither true
 * nor false, nor is its negation, and what is not true does not match.
 */
#pragma once

#include "match.h"

#include <stddef.h>

#include "bpf/wire.h"

#define FILTER_NODES_MAX 256

enum filter_op { FILTER_HOST, FILTER_PORT_LE, FILTER_PORT_GE, FILTER_CGROUP, FILTER_NOT, FILTER_AND, FILTER_OR };

/* A host: address and port, each of which may be any. IPv4 is that of v4-mapped sockets too, IPv6 that of IPv6 sockets. */
struct filter_host {
	bool local;      /* the local one, else the peer's */
	uint8_t family;  /* AF_INET, AF_INET6; AF_UNSPEC: any address */
	bool own_family; /* AF_INET without v4-mapped sockets */
	bool any_port;
	uint16_t port;
	struct cidr net;
};

struct filter_node {
	enum filter_op op;
	uint16_t a, b; /* operands: places of nodes before this one */
	union {
		struct filter_host host;
		const char *cgroup;
	};
};

struct filter {
	uint32_t states;   /* 1 << enum wire_tcp_state: in one of them; 0: no condition */
	uint32_t excluded; /* and in none of these */
	struct filter_node *nodes;
	size_t len; /* the last node is the whole expression; 0: there is none */
	char *text; /* what paths point into */
};

void filter_free(struct filter *filter); /* what it owns */

/* One that matches only if the path of the control group is known. */
bool filter_asks_cgroup(const struct filter *filter);

/* What is asked: of a living connection its state, of one that has ended all that it was in. */
struct filter_subject {
	const struct wire_ident *id; /* NULL: no more than local_port is known */
	uint16_t local_port;         /* valid without id; 0 not known */
	const char *cgroup;          /* NULL: not known */
	uint32_t states;             /* 0 not known */
	/* Of a finding: it holds for any of these, so that a condition on them does not hide it. */
	bool any_family, any_local, any_peer;
};
bool filter_matches(const struct filter *filter, const struct filter_subject *subject);
