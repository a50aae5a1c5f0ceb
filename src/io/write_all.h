/* SPDX-License-Identifier: GPL-2.0-only */
#pragma once

#include <stddef.h>

/* To a descriptor that blocks. 0 or -errno: then a part may be written. */
int write_all(int fd, const void *data, size_t len);
