/* SPDX-License-Identifier: GPL-2.0-only */
/* Groups of this host by name and number. They may be a directory service's: both may take a while. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#define GROUP_NONE ((gid_t)-1)

/* By its name or number. 0, or -EINVAL: there is no such group. */
int group_find(const char *name, gid_t *ret_gid);

/* Its name, or its number if it has none. */
void group_name(gid_t gid, char *buf, size_t size);
