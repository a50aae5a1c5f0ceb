/* SPDX-License-Identifier: GPL-2.0-only */
/* What a single value of a selection or of a filter is compared by. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct cidr {
	struct in6_addr addr; /* IPv4 as ::ffff:a.b.c.d */
	unsigned int bits;    /* of the 128 */
};

extern const struct cidr match_ipv4; /* all of IPv4, as it is kept */

bool match_net(const struct cidr *net, const uint8_t addr[16]);

/* 0.0.0.0 or ::, where a listener takes connections to any address. */
bool match_is_wildcard(const uint8_t addr[16]);

/* The path itself and everything below it: /a is not above /ab. `path` may be NULL: not known. */
bool match_cgroup(const char *wanted, const char *path);
