// SPDX-License-Identifier: GPL-2.0-only
#include "http_guard.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* "" or ":8080" */
static bool is_port(const char *text)
{
	return !*text || (*text == ':' && text[1] && strspn(text + 1, "0123456789") == strlen(text + 1));
}

bool http_guard_host(const char *host)
{
	char name[INET6_ADDRSTRLEN];
	struct in6_addr addr;
	size_t len;
	bool ipv6;

	if (!host)
		return false;
	ipv6 = *host == '[';
	host += ipv6;
	len = strcspn(host, ipv6 ? "]" : ":");
	if (len >= sizeof(name) || (ipv6 && host[len] != ']') || !is_port(host + len + ipv6))
		return false;
	memcpy(name, host, len);
	name[len] = '\0';
	if (ipv6)
		return inet_pton(AF_INET6, name, &addr) == 1;
	return !strcasecmp(name, "localhost") || inet_pton(AF_INET, name, &addr) == 1;
}

bool http_guard_site(const char *host, const char *origin, const char *fetch_site)
{
	const char *authority = origin ? strstr(origin, "://") : NULL;

	if (origin && (!authority || strcasecmp(authority + 3, host) != 0))
		return false;
	return !fetch_site || !strcmp(fetch_site, "same-origin") || !strcmp(fetch_site, "none");
}
