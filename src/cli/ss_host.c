// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where ss guesses, this refuses: bytes and ports in octal or hex, and names that a resolver would have to know. An IPv4
 * address may be short, as in 10/8: what is missing is 0.
 */
#include "ss_host.h"

#include "parse.h"
#include "src/pipeline/filter.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#define HOST_MAX 128 /* no address with its family, prefix and port is longer */
#define A_HOST "a host is like 192.0.2.7, 10/8, 10.0.0.0/8:443, [2001:db8::1]:443, 2001:db8::/32, :443 or *"

struct host {
	char text[HOST_MAX], *address, *prefix, *port; /* NULL: it has none */
	uint8_t family;                                /* as the user says; AF_UNSPEC: not */
};

static bool parse_port(const char *text, struct filter_host *ret)
{
	const struct servent *service;
	uint64_t port;

	ret->any_port = !*text || !strcmp(text, "*");
	if (ret->any_port)
		return true;
	if (parse_number(text, 0, UINT16_MAX, &port)) {
		ret->port = (uint16_t)port;
		return true;
	}
	service = getservbyname(text, "tcp");
	if (service)
		ret->port = ntohs((uint16_t)service->s_port);
	return service;
}

static bool refuse_port(const char *text, char *why, size_t size)
{
	snprintf(why, size, "'%.80s': a port is a number from 0 to 65535, or the name of a service in /etc/services", text);
	return false;
}

bool ss_port_parse(const char *text, struct filter_host *ret, char *why, size_t size)
{
	const char *port = text + (*text == ':');

	*ret = (struct filter_host){0};
	return (*port && parse_port(port, ret)) || refuse_port(text, why, size);
}

/* One to four bytes, from the left. */
static bool parse_short_ipv4(const char *text, uint8_t addr[4])
{
	char copy[16], *rest = copy, *byte;
	unsigned int n = 0;
	uint64_t value;

	memset(addr, 0, 4);
	if (strlen(text) >= sizeof(copy))
		return false;
	strcpy(copy, text);
	while ((byte = strsep(&rest, "."))) {
		if (n == 4 || !parse_number(byte, 0, 255, &value) || (byte[0] == '0' && byte[1]))
			return false;
		addr[n++] = (uint8_t)value;
	}
	return true;
}

/* 8, or of IPv4 also 255.0.0.0. */
static bool parse_prefix(const char *text, bool ipv4, unsigned int *ret_bits)
{
	uint8_t bytes[4];
	uint32_t mask;
	uint64_t bits;

	if (parse_number(text, 0, ipv4 ? 32 : 128, &bits)) {
		*ret_bits = (unsigned int)bits;
		return !(text[0] == '0' && text[1]);
	}
	if (!ipv4 || !strchr(text, '.') || !parse_short_ipv4(text, bytes))
		return false;
	mask = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
	*ret_bits = (unsigned int)__builtin_popcount(mask);
	return !(~mask & (~mask + 1)); /* ones, then zeros */
}

static bool parse_address(const struct host *host, struct filter_host *ret)
{
	const char *text = host->address;
	bool any = !*text || !strcmp(text, "*") || !strcmp(text, "any") || !strcmp(text, "all") || !strcmp(text, "default");
	bool ipv4 = any ? host->family == AF_INET : !strchr(text, ':');

	ret->family = any ? host->family : ipv4 ? AF_INET : AF_INET6;
	ret->own_family = host->family == AF_INET;
	if (host->family && host->family != ret->family)
		return false;
	ret->net = ipv4 ? match_ipv4 : (struct cidr){0};
	if (any)
		return !host->prefix;
	if (ipv4 ? !parse_short_ipv4(text, &ret->net.addr.s6_addr[12]) : inet_pton(AF_INET6, text, &ret->net.addr) != 1)
		return false;
	ret->net.bits = ipv4 ? 32 : 128;
	if (host->prefix && !parse_prefix(host->prefix, ipv4, &ret->net.bits))
		return false;
	ret->net.bits += ipv4 ? 96 : 0;
	return true;
}

/* The part behind an address, from its first sign on. */
static bool cut_rest(struct host *host, char *rest)
{
	if (*rest == '/' && !host->prefix) {
		*rest++ = '\0';
		host->prefix = rest;
		rest = strchrnul(rest, ':');
	}
	if (*rest && *rest != ':')
		return false;
	if (*rest) {
		*rest++ = '\0';
		host->port = rest;
	}
	return true;
}

/* Without brackets the last colon is that of the port, unless a prefix stands before it. */
static bool cut(struct host *host)
{
	char *slash, *end;

	if (*host->address == '[') {
		end = strchr(++host->address, ']');
		if (!end)
			return false;
		*end++ = '\0';
		host->prefix = strchr(host->address, '/');
		if (host->prefix)
			*host->prefix++ = '\0';
		return cut_rest(host, end);
	}
	slash = strchr(host->address, '/');
	end = strchrnul(host->address, ':');
	return (slash || !*end || !strchr(end + 1, ':')) && cut_rest(host, slash ? slash : end);
}

/* What stands before the address. NULL: sockets that are not TCP's. */
static const char *skip_family(const char *text, uint8_t *ret_family)
{
	static const char *const others[] = {"unix:", "link:", "netlink:", "vsock:", "tipc:", "xdp:"};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (!strncmp(text, others[i], strlen(others[i])))
			return NULL;
	*ret_family = !strncmp(text, "inet:", 5) ? AF_INET : !strncmp(text, "inet6:", 6) ? AF_INET6 : AF_UNSPEC;
	return *ret_family ? strchr(text, ':') + 1 : text;
}

bool ss_host_parse(const char *text, struct filter_host *ret, char *why, size_t size)
{
	struct host host = {.address = host.text};
	const char *address = skip_family(text, &host.family);

	*ret = (struct filter_host){.any_port = true};
	if (!address) {
		snprintf(why, size, "'%.80s': only TCP is traced, so a host is of inet or inet6", text);
		return false;
	}
	if (strlen(address) < sizeof(host.text)) {
		strcpy(host.text, address);
		if (cut(&host) && parse_address(&host, ret))
			return !host.port || parse_port(host.port, ret) || refuse_port(text, why, size);
	}
	snprintf(why, size,
		 strchr(text, ':') != strrchr(text, ':') && !strpbrk(text, "[/")
			 ? "'%.80s': an IPv6 address stands in brackets, like [2001:db8::1] or [2001:db8::1]:443"
			 : "'%.80s': " A_HOST "; names of hosts are not looked up",
		 text);
	return false;
}
