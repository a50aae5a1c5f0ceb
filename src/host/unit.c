// SPDX-License-Identifier: GPL-2.0-only
/* systemd puts a unit into slices, and nothing else above it. What is below a unit is made by the unit's own processes. */
#include "cgroup.h"

#include <string.h>

static bool ends_with(const char *text, size_t len, const char *tail)
{
	size_t tail_len = strlen(tail);

	return len > tail_len && !memcmp(text + len - tail_len, tail, tail_len);
}

const char *cgroup_unit(const char *path, size_t *ret_len)
{
	const char *part;
	size_t len;

	for (part = path; *part == '/'; part += len) {
		part++;
		len = strcspn(part, "/");
		if (ends_with(part, len, ".service") || ends_with(part, len, ".scope")) {
			*ret_len = len;
			return part;
		}
		if (!ends_with(part, len, ".slice"))
			break;
	}
	*ret_len = 0;
	return NULL;
}
