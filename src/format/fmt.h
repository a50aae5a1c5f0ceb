/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers, addresses and times as text, without printf's cost. Each function writes at most its FMT_*_MAX bytes at p, adds no
 * NUL, and returns the end of what it wrote.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct wire_ident;

#define FMT_UINT_MAX 21 /* 20 digits, and a byte that is to be overwritten */
#define FMT_HEX_MAX 16
#define FMT_ADDR_MAX 45
#define FMT_TIME_LEN 27

char *fmt_long_uint(char *p, uint64_t value);
char *fmt_hex(char *p, uint64_t value);                     /* lower case, no leading zeros */
char *fmt_hex_bytes(char *p, const void *data, size_t len); /* two digits each */
char *fmt_time(char *p, int64_t wall_ns);                   /* RFC 3339 in UTC with 6 fraction digits; before 1970: 1970 */

/* As most are: a copy of constant length takes less than to make digits. The comma behind counts as none of it. */
extern const struct fmt_number {
	char text[7];
	uint8_t len;
} fmt_numbers[1000];

static inline char *fmt_small_uint(char *p, uint64_t value)
{
	return (char *)memcpy(p, fmt_numbers[value].text, 4) + fmt_numbers[value].len;
}

static inline char *fmt_uint(char *p, uint64_t value)
{
	return value < 1000 ? fmt_small_uint(p, value) : fmt_long_uint(p, value);
}

/* `addr` in the wire's form. As IPv4, its last four bytes; else IPv6 as RFC 5952 wants it. */
char *fmt_addr(char *p, const uint8_t addr[16], bool ipv4);

/* Whether the connection's packets are IPv4, which an AF_INET6 socket's may be too. */
bool fmt_is_ipv4(const struct wire_ident *id);
