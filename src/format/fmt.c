// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbers, addresses and times as text.
 *
 * A line of JSON holds some fifty numbers, four times of day and two addresses, and a busy host ends 60 000 connections a
 * second: snprintf, inet_ntop and gmtime_r would cost several times what the rest of the line does.
 */
#include "fmt.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "bpf/wire.h"

static const char fmt_digits[16] = "0123456789abcdef";

/* All numbers up to 999 as text, so that a number is written in groups of three digits: `n` and one or two digits more. */
#define ONE_MORE(X, n) X(n##0) X(n##1) X(n##2) X(n##3) X(n##4) X(n##5) X(n##6) X(n##7) X(n##8) X(n##9)
#define TWO_MORE(X, n)                                                                                                         \
	ONE_MORE(X, n##0)                                                                                                      \
	ONE_MORE(X, n##1)                                                                                                      \
	ONE_MORE(X, n##2)                                                                                                      \
	ONE_MORE(X, n##3)                                                                                                      \
	ONE_MORE(X, n##4)                                                                                                      \
	ONE_MORE(X, n##5)                                                                                                      \
	ONE_MORE(X, n##6)                                                                                                      \
	ONE_MORE(X, n##7)                                                                                                      \
	ONE_MORE(X, n##8)                                                                                                      \
	ONE_MORE(X, n##9)
#define TENS(X)                                                                                                                \
	ONE_MORE(X, 1)                                                                                                         \
	ONE_MORE(X, 2)                                                                                                         \
	ONE_MORE(X, 3)                                                                                                         \
	ONE_MORE(X, 4)                                                                                                         \
	ONE_MORE(X, 5)                                                                                                         \
	ONE_MORE(X, 6)                                                                                                         \
	ONE_MORE(X, 7)                                                                                                         \
	ONE_MORE(X, 8)                                                                                                         \
	ONE_MORE(X, 9)
#define HUNDREDS(X)                                                                                                            \
	TWO_MORE(X, 1)                                                                                                         \
	TWO_MORE(X, 2)                                                                                                         \
	TWO_MORE(X, 3)                                                                                                         \
	TWO_MORE(X, 4)                                                                                                         \
	TWO_MORE(X, 5)                                                                                                         \
	TWO_MORE(X, 6)                                                                                                         \
	TWO_MORE(X, 7)                                                                                                         \
	TWO_MORE(X, 8)                                                                                                         \
	TWO_MORE(X, 9)

#define NUMBER(n) {#n ",", sizeof(#n) - 1},
const struct fmt_number fmt_numbers[1000] = {ONE_MORE(NUMBER, ) TENS(NUMBER) HUNDREDS(NUMBER)};

#define GROUP(n) #n,
static const char fmt_groups[1000][4] = {TWO_MORE(GROUP, 0) HUNDREDS(GROUP)};

/* Three digits. Copies a byte more, which is overwritten. */
static char *fmt_group(char *p, uint32_t value)
{
	return (char *)memcpy(p, fmt_groups[value], 4) + 3;
}

static char *fmt_pair(char *p, uint32_t value)
{
	return (char *)memcpy(p, fmt_groups[value] + 1, 2) + 2;
}

static char *fmt_six(char *p, uint32_t value)
{
	return fmt_group(fmt_group(p, value / 1000), value % 1000);
}

char *fmt_long_uint(char *p, uint64_t value)
{
	if (value < 1000000)
		return fmt_group(fmt_small_uint(p, (uint32_t)value / 1000), (uint32_t)value % 1000);
	return fmt_six(fmt_uint(p, value / 1000000), (uint32_t)(value % 1000000));
}

char *fmt_hex(char *p, uint64_t value)
{
	int shift = value ? (63 - __builtin_clzll(value)) & ~3 : 0;

	for (; shift >= 0; shift -= 4)
		*p++ = fmt_digits[value >> shift & 15];
	return p;
}

char *fmt_hex_bytes(char *p, const void *data, size_t len)
{
	const uint8_t *byte = data;

	for (size_t i = 0; i < len; i++) {
		*p++ = fmt_digits[byte[i] >> 4];
		*p++ = fmt_digits[byte[i] & 15];
	}
	return p;
}

#define SECOND_LEN 20 /* 2026-11-30T14:32:51. */

static void fmt_second(char *p, int64_t sec)
{
	time_t t = (time_t)sec;
	struct tm tm;

	gmtime_r(&t, &tm);
	p = fmt_pair(p, (uint32_t)(tm.tm_year + 1900) / 100 % 100);
	p = fmt_pair(p, (uint32_t)(tm.tm_year + 1900) % 100);
	*p++ = '-';
	p = fmt_pair(p, (uint32_t)tm.tm_mon + 1);
	*p++ = '-';
	p = fmt_pair(p, (uint32_t)tm.tm_mday);
	*p++ = 'T';
	p = fmt_pair(p, (uint32_t)tm.tm_hour);
	*p++ = ':';
	p = fmt_pair(p, (uint32_t)tm.tm_min);
	*p++ = ':';
	p = fmt_pair(p, (uint32_t)tm.tm_sec);
	*p = '.';
}

/* Most times are of the same few seconds: now, and when long-lived processes began. */
static _Thread_local struct second {
	int64_t sec; /* and 1: 0 is none */
	char text[SECOND_LEN];
} fmt_seconds[16];

/* Apart: inlined, its struct tm and calls would cost each time of a second that is known. */
static __attribute__((noinline)) char *fmt_new_second(char *p, int64_t wall_ns, struct second *second, int64_t sec)
{
	fmt_second(second->text, sec);
	second->sec = sec + 1;
	return fmt_time(p, wall_ns);
}

char *fmt_time(char *p, int64_t wall_ns)
{
	uint64_t us = wall_ns > 0 ? (uint64_t)wall_ns / 1000 : 0;
	int64_t sec = (int64_t)(us / 1000000);
	struct second *second = &fmt_seconds[sec % 16];

	if (second->sec != sec + 1)
		return fmt_new_second(p, wall_ns, second, sec);
	p = (char *)memcpy(p, second->text, SECOND_LEN) + SECOND_LEN;
	p = fmt_six(p, (uint32_t)(us % 1000000));
	*p++ = 'Z';
	return p;
}

static char *fmt_ipv4(char *p, const uint8_t addr[4])
{
	for (int i = 0; i < 4; i++) {
		if (i)
			*p++ = '.';
		p = fmt_small_uint(p, addr[i]);
	}
	return p;
}

static bool fmt_mapped(const uint8_t addr[16])
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(addr, prefix, sizeof(prefix)) == 0;
}

/* Replaces the first of the longest runs of at least two zero groups by "::". */
static char *fmt_ipv6(char *p, const uint8_t addr[16])
{
	int best = -1, best_len = 1;

	for (int i = 0, len = 0; i < 8; i++) {
		len = addr[2 * i] || addr[2 * i + 1] ? 0 : len + 1;
		if (len > best_len) {
			best = i + 1 - len;
			best_len = len;
		}
	}
	for (int i = 0; i < 8; i++) {
		if (i == best) {
			*p++ = ':';
			*p++ = ':';
			i += best_len - 1;
			continue;
		}
		if (i && i != best + best_len)
			*p++ = ':';
		p = fmt_hex(p, (uint64_t)addr[2 * i] << 8 | addr[2 * i + 1]);
	}
	return p;
}

char *fmt_addr(char *p, const uint8_t addr[16], bool ipv4)
{
	if (ipv4)
		return fmt_ipv4(p, addr + 12);
	if (!fmt_mapped(addr))
		return fmt_ipv6(p, addr);
	memcpy(p, "::ffff:", 7);
	return fmt_ipv4(p + 7, addr + 12);
}

bool fmt_is_ipv4(const struct wire_ident *id)
{
	static const uint8_t any[16];

	/* A socket that is connecting may have no local address yet. */
	return id->family == AF_INET ||
	       (fmt_mapped(id->peer_addr) && (fmt_mapped(id->local_addr) || !memcmp(id->local_addr, any, sizeof(any))));
}
