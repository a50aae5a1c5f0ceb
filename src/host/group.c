// SPDX-License-Identifier: GPL-2.0-only
#include "group.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_SIZE 4096
#define LAST_SIZE (16 << 20) /* of a group with all of its members */

/* As getgrnam_r(), with room for a group of any size. */
static bool find_by_name(const char *name, gid_t *ret_gid)
{
	struct group entry, *found = NULL;
	int err = ERANGE;

	for (size_t size = FIRST_SIZE; err == ERANGE && size <= LAST_SIZE; size *= 4) {
		char *buf = malloc(size);

		err = buf ? getgrnam_r(name, &entry, buf, size, &found) : ENOMEM;
		if (!err && found)
			*ret_gid = found->gr_gid;
		free(buf);
	}
	return found != NULL;
}

int group_find(const char *name, gid_t *ret_gid)
{
	unsigned long number;
	char *end;

	if (find_by_name(name, ret_gid))
		return 0;
	errno = 0;
	number = strtoul(name, &end, 10);
	*ret_gid = (gid_t)number;
	return isdigit((unsigned char)*name) && !*end && !errno && number < GROUP_NONE ? 0 : -EINVAL;
}

void group_name(gid_t gid, char *name, size_t name_size)
{
	struct group entry, *found = NULL;
	int err = ERANGE;

	snprintf(name, name_size, "%u", gid);
	for (size_t size = FIRST_SIZE; err == ERANGE && size <= LAST_SIZE; size *= 4) {
		char *buf = malloc(size);

		err = buf ? getgrgid_r(gid, &entry, buf, size, &found) : ENOMEM;
		if (!err && found)
			snprintf(name, name_size, "%s", found->gr_name);
		free(buf);
	}
}
