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

/* 00 to 99: a division for two digits. */
static const char fmt_pairs[] = "0001020304050607080910111213141516171819"
				"2021222324252627282930313233343536373839"
				"4041424344454647484950515253545556575859"
				"6061626364656667686970717273747576777879"
				"8081828384858687888990919293949596979899";

static char *fmt_pair(char *p, uint64_t value)
{
	return (char *)memcpy(p, fmt_pairs + 2 * value, 2) + 2;
}

#define ALWAYS_INLINE inline __attribute__((always_inline)) /* for numbers of `pairs` that the compiler knows */

/*
 * The next digits of a number below 1, which has 32 bits behind the point: each multiplication by 100 moves two before it. The
 * number is a fraction that was rounded up, by less than its last digit is worth.
 */
static ALWAYS_INLINE char *fmt_fraction(char *p, uint64_t fraction, unsigned int pairs)
{
	for (; pairs; pairs--) {
		fraction = (uint32_t)fraction * UINT64_C(100);
		p = fmt_pair(p, fraction >> 32);
	}
	return p;
}

/* The same with one or two digits before the point. */
static ALWAYS_INLINE char *fmt_number(char *p, uint64_t number, unsigned int pairs)
{
	uint64_t first = number >> 32;

	if (first >= 10)
		return fmt_fraction(fmt_pair(p, first), number, pairs);
	*p = (char)('0' + first);
	return fmt_fraction(p + 1, number, pairs);
}

#define HUNDREDTH 42949673u     /* 2^32 / 100, rounded up */
#define TEN_THOUSANDTH 429497u  /* 2^32 / 10,000 */
#define MILLIONTH_16 281474977u /* 2^48 / 1,000,000 */
#define EIGHT_DIGITS 100000000u

char *fmt_long_uint(char *p, uint64_t value)
{
	uint64_t number;

	if (value < 100)
		return fmt_pair(p, value);
	if (value < 10000)
		return fmt_number(p, value * HUNDREDTH, 1);
	if (value < 1000000)
		return fmt_number(p, value * TEN_THOUSANDTH, 2);
	number = (value % EIGHT_DIGITS * MILLIONTH_16 >> 16) + 1;
	if (value < EIGHT_DIGITS)
		return fmt_number(p, number, 3);
	p = fmt_uint(p, value / EIGHT_DIGITS);
	return fmt_fraction(fmt_pair(p, number >> 32), number, 3);
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
	uint64_t us = wall_ns > 0 ? (uint64_t)wall_ns / 1000 : 0, number;
	int64_t sec = (int64_t)(us / 1000000);
	struct second *second = &fmt_seconds[sec % 16];

	if (second->sec != sec + 1)
		return fmt_new_second(p, wall_ns, second, sec);
	p = (char *)memcpy(p, second->text, SECOND_LEN) + SECOND_LEN;
	number = us % 1000000 * TEN_THOUSANDTH;
	p = fmt_fraction(fmt_pair(p, number >> 32), number, 2);
	*p++ = 'Z';
	return p;
}

static char *fmt_ipv4(char *p, const uint8_t addr[4])
{
	for (int i = 0; i < 4; i++) {
		if (i)
			*p++ = '.';
		p = fmt_uint(p, addr[i]);
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
