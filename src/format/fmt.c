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

static int fmt_width(uint64_t value)
{
	int width = 1;

	for (; value >= 10000; value /= 10000)
		width += 4;
	return width + (value >= 10) + (value >= 100) + (value >= 1000);
}

char *fmt_uint(char *p, uint64_t value)
{
	char *end = p + fmt_width(value), *d = end;

	for (; value >= 100; value /= 100)
		fmt_pair(d -= 2, value % 100);
	if (value >= 10)
		fmt_pair(d - 2, value);
	else
		d[-1] = (char)('0' + value);
	return end;
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

char *fmt_time(char *p, int64_t wall_ns)
{
	/* Nearly all times are of the same day, so it is cached. */
	static _Thread_local struct {
		int64_t day;
		char text[11];
	} cache = {.day = -1};
	int64_t us = wall_ns > 0 ? wall_ns / 1000 : 0;
	int64_t sec = us / 1000000;
	int64_t day = sec / 86400;
	uint32_t of_day = (uint32_t)(sec % 86400), of_us = (uint32_t)(us % 1000000);

	if (day != cache.day) {
		time_t t = (time_t)sec;
		struct tm tm;
		gmtime_r(&t, &tm);
		char *c = fmt_pair(cache.text, (uint32_t)(tm.tm_year + 1900) / 100 % 100);
		c = fmt_pair(c, (uint32_t)(tm.tm_year + 1900) % 100);
		*c++ = '-';
		c = fmt_pair(c, (uint32_t)tm.tm_mon + 1);
		*c++ = '-';
		c = fmt_pair(c, (uint32_t)tm.tm_mday);
		*c = 'T';
		cache.day = day;
	}
	memcpy(p, cache.text, sizeof(cache.text));
	p = fmt_pair(p + sizeof(cache.text), of_day / 3600);
	*p++ = ':';
	p = fmt_pair(p, of_day / 60 % 60);
	*p++ = ':';
	p = fmt_pair(p, of_day % 60);
	*p++ = '.';
	p = fmt_pair(p, of_us / 10000);
	p = fmt_pair(p, of_us / 100 % 100);
	p = fmt_pair(p, of_us % 100);
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
