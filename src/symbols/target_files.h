/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The only code of the tool that opens files which a stranger's process has mapped; it runs in the opener. A file is opened by
 * its mapping, so that it is the right one in a container and after an upgrade; else by its path in the process's own root, and
 * only if device and inode are the mapping's. Regular files up to 4 GB, only for reading.
 */
#pragma once

#include "opener_protocol.h"

#define TARGET_MAPS_BYTES (2ul << 20) /* of a process's list of mappings: 20,000 of them */
#define TARGET_FILE_BYTES (4ll << 30)

struct target_files; /* with what was asked for last */

struct target_files *target_files_new(void); /* for the life of the process; NULL without memory */

/* The process's modules: their number or -errno. */
int target_modules(struct target_files *target, const struct program_id *program, struct module_range *ret_modules);

/* The file that is mapped, with code, from `start` to `end`: a descriptor or -errno. */
int target_open(struct target_files *target, const struct program_id *program, uint64_t start, uint64_t end);

/*
 * /tmp/perf-PID.map in the process's own root, by the pid that it has there: a descriptor or -errno. No link, its user's or
 * root's, not writable by everybody, and not too long.
 */
int target_open_map(struct target_files *target, const struct program_id *program);

/* /usr/lib/debug/.build-id/AB/CDEF.debug: a descriptor or -errno. */
int target_open_debug(const uint8_t *build_id, size_t len);
