/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers, addresses and times as text, without printf's cost. Each function writes at most its FMT_*_MAX bytes at p, adds no
 * NUL, and returns the end of what it wrote.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire_ident;

#define FMT_UINT_MAX 20
#define FMT_HEX_MAX 16
#define FMT_ADDR_MAX 45
#define FMT_TIME_LEN 27

char *fmt_long_uint(char *p, uint64_t value);
char *fmt_hex(char *p, uint64_t value);                     /* lower case, no leading zeros */
char *fmt_hex_bytes(char *p, const void *data, size_t len); /* two digits each */
char *fmt_time(char *p, int64_t wall_ns);                   /* RFC 3339 in UTC with 6 fraction digits; before 1970: 1970 */

static inline char *fmt_uint(char *p, uint64_t value)
{
	if (value >= 10)
		return fmt_long_uint(p, value);
	*p = (char)('0' + value);
	return p + 1;
}

/* `addr` in the wire's form. As IPv4, its last four bytes; else IPv6 as RFC 5952 wants it. */
char *fmt_addr(char *p, const uint8_t addr[16], bool ipv4);

/* Whether the connection's packets are IPv4, which an AF_INET6 socket's may be too. */
bool fmt_is_ipv4(const struct wire_ident *id);
