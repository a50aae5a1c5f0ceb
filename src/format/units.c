// SPDX-License-Identifier: GPL-2.0-only
/* Durations, sizes and counts in few characters. Never rounded up: 59.99 s is still 59.9s. */
#include "units.h"

#include "fmt.h"

static const char units_letters[] = " KMGTPE";

static char *units_tenths(char *p, uint64_t tenths)
{
	p = fmt_uint(p, tenths / 10);
	*p++ = '.';
	*p++ = (char)('0' + tenths % 10);
	return p;
}

static char *units_two(char *p, uint64_t value)
{
	*p++ = (char)('0' + value / 10);
	*p++ = (char)('0' + value % 10);
	return p;
}

/* Two units, the lower with two digits, so that a column of them can be compared by eye. */
static char *units_pair(char *p, uint64_t high, char high_unit, uint64_t low, char low_unit)
{
	p = fmt_uint(p, high);
	*p++ = high_unit;
	p = units_two(p, low);
	*p++ = low_unit;
	return p;
}

char *units_duration(char *p, uint64_t us)
{
	uint64_t ms = us / 1000, s = ms / 1000, m = s / 60, h = m / 60, d = h / 24;

	if (d >= 100) {
		p = fmt_uint(p, d);
		*p++ = 'd';
		return p;
	}
	if (d)
		return units_pair(p, d, 'd', h % 24, 'h');
	if (h)
		return units_pair(p, h, 'h', m % 60, 'm');
	if (m)
		return units_pair(p, m, 'm', s % 60, 's');
	if (s) {
		p = units_tenths(p, ms / 100);
	} else {
		p = ms >= 100 ? fmt_uint(p, ms) : ms ? units_tenths(p, us / 100) : fmt_uint(p, us);
		*p++ = ms ? 'm' : 'u';
	}
	*p++ = 's';
	return p;
}

/* `len` digits of a fraction that has `of` of them. */
static char *units_fraction(char *p, uint64_t value, unsigned int of, unsigned int len)
{
	if (len > of)
		len = of;
	for (unsigned int i = len; i < of; i++)
		value /= 10;
	if (len)
		*p = '.';
	for (unsigned int i = len; i; i--, value /= 10)
		p[i] = (char)('0' + value % 10);
	return len ? p + len + 1 : p;
}

char *units_duration_more(char *p, uint64_t us, unsigned int more)
{
	uint64_t s = us / 1000000, m = s / 60, h = m / 60;

	if (!more || us < 1000)
		return units_duration(p, us);
	if (!s) {
		p = units_fraction(fmt_uint(p, us / 1000), us % 1000, 3, more + (us < 100000));
		*p++ = 'm';
		*p++ = 's';
		return p;
	}
	if (h) {
		p = fmt_uint(p, h);
		*p++ = 'h';
		p = units_two(p, m % 60);
	} else if (m) {
		p = fmt_uint(p, m);
	}
	if (m)
		*p++ = 'm';
	p = m ? units_two(p, s % 60) : fmt_uint(p, s);
	p = units_fraction(p, us % 1000000, 6, h ? more - 1 : m ? more : more + 1);
	*p++ = 's';
	return p;
}

char *units_size(char *p, uint64_t bytes)
{
	uint64_t rest = 0;
	int unit = 0;

	/* 1000K to 1023K would take five characters: they are 0.9M. */
	for (; bytes >= (unit ? 1000 : 1024); unit++) {
		rest = bytes % 1024;
		bytes /= 1024;
	}
	if (!unit)
		return fmt_uint(p, bytes);
	p = bytes < 10 ? units_tenths(p, bytes * 10 + rest * 10 / 1024) : fmt_uint(p, bytes);
	*p++ = units_letters[unit];
	return p;
}

char *units_count(char *p, uint64_t count)
{
	int unit = 1;

	if (count < 1000)
		return fmt_uint(p, count);
	for (; count >= 100000; unit++)
		count /= 1000;
	if (count < 1000) {
		*p++ = '.';
		p = fmt_uint(p, count / 100);
	} else {
		p = fmt_uint(p, count / 1000);
	}
	*p++ = units_letters[unit];
	return p;
}
