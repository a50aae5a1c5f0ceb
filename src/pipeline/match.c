// SPDX-License-Identifier: GPL-2.0-only
#include "match.h"

#include <string.h>

const struct cidr match_ipv4 = {.addr.s6_addr = {[10] = 0xff, [11] = 0xff}, .bits = 96};

bool match_net(const struct cidr *net, const uint8_t addr[16])
{
	unsigned int bytes = net->bits / 8, rest = net->bits % 8;
	uint8_t mask = 0xff << (8 - rest);

	if (memcmp(net->addr.s6_addr, addr, bytes))
		return false;
	return !rest || ((net->addr.s6_addr[bytes] ^ addr[bytes]) & mask) == 0;
}

bool match_is_wildcard(const uint8_t addr[16])
{
	static const uint8_t zero[16];

	return !memcmp(addr, zero, sizeof(zero)) ||
	       (match_net(&match_ipv4, addr) && !memcmp(addr + 12, zero, sizeof(zero) - 12));
}

bool match_cgroup(const char *wanted, const char *path)
{
	size_t len = strlen(wanted);

	if (!path)
		return false;
	while (len && wanted[len - 1] == '/')
		len--;
	return !strncmp(wanted, path, len) && (path[len] == '/' || path[len] == '\0');
}
