/* SPDX-License-Identifier: GPL-2.0-only */
/* Network namespaces by their names, and whether one exists. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The inode number of a namespace by its name in `ip netns`, or by a path such as /proc/1/ns/net; false if there is none. */
bool netns_by_name(const char *name, uint32_t *ret_inode);

/* A process is in it, or `ip netns` has a name for it. What only a socket or a descriptor keeps alive is not found. */
bool netns_has_holder(uint32_t inode);
