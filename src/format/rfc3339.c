// SPDX-License-Identifier: GPL-2.0-only
#include "rfc3339.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define YEAR_LAST 2262 /* in April int64_t nanoseconds end */

bool rfc3339_read(const char *text, int64_t *ret_us)
{
	unsigned int us = 0;
	struct tm tm = {0};
	int used = 0;
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t at;

	if (!rest || strlen(rest) != 8 || sscanf(rest, ".%6uZ%n", &us, &used) != 1 || used != 8 || tm.tm_year < 70 ||
	    tm.tm_year > YEAR_LAST - 1900)
		return false;
	at = (int64_t)timegm(&tm) * 1000000 + us;
	if (at > INT64_MAX / 1000)
		return false;
	*ret_us = at;
	return true;
}
