// SPDX-License-Identifier: GPL-2.0-only
/* The notations of the command line. No sign, no white space, no octal, nothing after the value: a typing error is refused. */
#include "parse.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bpf/wire.h"
#include "src/format/rfc3339.h"
#include "src/pipeline/select.h"

#define NS_PER_MS 1000000ULL
#define DURATION_MAX_NS (10 * 365 * 24 * 3600ULL * 1000 * NS_PER_MS)
#define HEX_DIGITS "0123456789abcdefABCDEF"
#define PID_MAX (4 << 20) /* PID_MAX_LIMIT of 64-bit kernels */

struct unit {
	const char *suffix;
	uint64_t factor;
};

/* Reads digits, leaves *rest behind them. */
static bool digits(const char *text, uint64_t *ret, const char **rest)
{
	uint64_t value = 0;

	if (!isdigit((unsigned char)*text))
		return false;
	for (; isdigit((unsigned char)*text); text++)
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *text - '0', &value))
			return false;
	*ret = value;
	*rest = text;
	return true;
}

bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	const char *rest;
	uint64_t value;

	if (!digits(text, &value, &rest) || *rest || value < min || value > max)
		return false;
	*ret = value;
	return true;
}

/* A number, which may have up to 3 decimals, and a unit. */
static bool with_unit(const char *text, const struct unit *units, size_t units_len, uint64_t max, uint64_t *ret)
{
	static const uint64_t scales[] = {1, 10, 100, 1000};
	uint64_t value, part = 0, scale = 1;
	const char *rest, *decimals;

	if (!digits(text, &value, &rest))
		return false;
	if (*rest == '.') {
		decimals = rest + 1;
		if (!digits(decimals, &part, &rest) || rest - decimals > 3)
			return false;
		scale = scales[rest - decimals];
	}
	for (; units_len && strcmp(rest, units->suffix); units++)
		units_len--;
	if (!units_len || scale > units->factor || __builtin_mul_overflow(value, units->factor, &value) ||
	    __builtin_add_overflow(value, part * units->factor / scale, &value) || !value || value > max)
		return false;
	*ret = value;
	return true;
}

bool parse_duration(const char *text, uint64_t *ret_ns)
{
	static const struct unit units[] = {
		{"ms", NS_PER_MS},
		{"s", 1000 * NS_PER_MS},
		{"", 1000 * NS_PER_MS},
		{"m", 60 * 1000 * NS_PER_MS},
		{"h", 3600 * 1000 * NS_PER_MS},
		{"d", 24 * 3600 * 1000 * NS_PER_MS},
	};

	return with_unit(text, units, sizeof(units) / sizeof(units[0]), DURATION_MAX_NS, ret_ns);
}

/* What follows a date, in the form that rfc3339_read() reads. */
static bool with_rest(const char *text, const char *rest, int64_t *ret_us)
{
	char whole[32];
	size_t len = strlen(text);

	if (len && text[len - 1] == 'Z')
		len--;
	if (len >= sizeof(whole) - strlen(rest))
		return false;
	memcpy(whole, text, len);
	strcpy(whole + len, rest);
	return rfc3339_read(whole, ret_us);
}

bool parse_moment(const char *text, int64_t *ret_us)
{
	static const char *const rests[] = {"T00:00:00.000000Z", ":00.000000Z", ".000000Z", "Z"};
	uint64_t ago_ns;

	for (size_t i = 0; i < sizeof(rests) / sizeof(rests[0]); i++)
		if (with_rest(text, rests[i], ret_us))
			return true;
	if (!parse_duration(text, &ago_ns))
		return false;
	*ret_us = ((int64_t)time(NULL) * 1000000) - (int64_t)(ago_ns / 1000);
	return true;
}

bool parse_size(const char *text, uint64_t *ret_bytes)
{
	static const struct unit units[] = {{"", 1}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}};

	return with_unit(text, units, sizeof(units) / sizeof(units[0]), UINT64_MAX, ret_bytes);
}

bool parse_percent(const char *text, uint64_t *ret_ppm)
{
	static const struct unit units[] = {{"%", 10000}, {"", 10000}};

	return with_unit(text, units, sizeof(units) / sizeof(units[0]), UINT64_MAX, ret_ppm);
}

bool parse_pid(const char *text, uint32_t *ret_pid)
{
	uint64_t pid;

	if (!parse_number(text, 1, PID_MAX, &pid))
		return false;
	*ret_pid = pid;
	return true;
}

bool parse_conn_id(const char *text, char boot[9], uint64_t *ret_cookie)
{
	const char *dot = strchr(text, '.'), *hex = dot ? dot + 1 : text + (strncmp(text, "sk:", 3) ? 0 : 3);
	size_t len = strlen(hex);
	uint64_t cookie;

	if ((dot && (dot - text != 8 || strspn(text, HEX_DIGITS) != 8)) || !len || len > 16 || strspn(hex, HEX_DIGITS) != len)
		return false;
	cookie = strtoull(hex, NULL, 16);
	if (!cookie)
		return false;
	memset(boot, 0, 9);
	for (int i = 0; dot && i < 8; i++)
		boot[i] = (char)tolower((unsigned char)text[i]);
	*ret_cookie = cookie;
	return true;
}

bool parse_ports(const char *text, struct port_range *ret_range)
{
	uint64_t first, last;
	const char *rest;

	if (!digits(text, &first, &rest) || first == 0 || first > UINT16_MAX)
		return false;
	last = first;
	if (*rest == '-') {
		if (!parse_number(rest + 1, first, UINT16_MAX, &last))
			return false;
	} else if (*rest) {
		return false;
	}
	*ret_range = (struct port_range){.first = first, .last = last};
	return true;
}

/* IPv4 as ::ffff:a.b.c.d. `len` bytes of the text. */
static bool parse_address(const char *text, size_t len, struct in6_addr *ret_addr, bool *ret_ipv4)
{
	char copy[INET6_ADDRSTRLEN];
	struct in6_addr addr = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	*ret_ipv4 = inet_pton(AF_INET, copy, &addr.s6_addr[12]) == 1;
	if (!*ret_ipv4 && inet_pton(AF_INET6, copy, &addr) != 1)
		return false;
	*ret_addr = addr;
	return true;
}

bool parse_endpoint(const char *text, struct endpoint *ret_endpoint)
{
	const char *colon = strrchr(text, ':');
	bool brackets = colon && *text == '[' && colon[-1] == ']', ipv4;
	struct endpoint endpoint;
	uint64_t port;

	if (!colon || !parse_address(text + brackets, (size_t)(colon - text) - 2 * brackets, &endpoint.addr, &ipv4) ||
	    ipv4 == brackets || !parse_number(colon + 1, 1, UINT16_MAX, &port))
		return false;
	endpoint.port = (uint16_t)port;
	*ret_endpoint = endpoint;
	return true;
}

bool parse_cidr(const char *text, struct cidr *ret_cidr)
{
	size_t len = strcspn(text, "/");
	struct cidr cidr = {0};
	uint64_t bits;
	bool ipv4;

	if (!parse_address(text, len, &cidr.addr, &ipv4))
		return false;
	bits = ipv4 ? 32 : 128;
	if (text[len] == '/' && !parse_number(text + len + 1, 0, bits, &bits))
		return false;
	cidr.bits = bits + (ipv4 ? 96 : 0);
	*ret_cidr = cidr;
	return true;
}

static const char *skip_dashes(const char *s)
{
	return s + strspn(s, "-_");
}

bool parse_name_equal(const char *a, const char *b)
{
	for (;; a++, b++) {
		a = skip_dashes(a);
		b = skip_dashes(b);
		if (toupper((unsigned char)*a) != toupper((unsigned char)*b))
			return false;
		if (!*a)
			return true;
	}
}

bool parse_state_alias(const char *text, uint32_t *ret_state)
{
	static const struct {
		const char *name;
		enum wire_tcp_state state;
	} aliases[] = {
		{"SYN-RECEIVED", WIRE_SYN_RECV}, /* RFC 9293 */
		{"CLOSED", WIRE_CLOSE},          /* RFC 9293 */
		{"ESTAB", WIRE_ESTABLISHED},     /* ss */
		{"UNCONN", WIRE_CLOSE},          /* ss */
	};

	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		if (!parse_name_equal(text, aliases[i].name))
			continue;
		*ret_state = aliases[i].state;
		return true;
	}
	return false;
}
