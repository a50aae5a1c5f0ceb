/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A connection as a ladder: two lifelines, the segments between them as arrows, the states of each end beside it. Pure, and at
 * most 80 columns wide for whatever a record holds.
 */
#ifndef FORMAT_LADDER_H
#define FORMAT_LADDER_H

#include "src/core/record_types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LADDER_MAX 32768 /* bytes of one ladder */

struct ladder_end {
	const struct conn_record *rec; /* NULL: this end is not on this host, or was not seen */
	int64_t start_us;              /* time of day of rec->start_ns, in us since 1970 */
	const char *reset_reason;      /* the kernel's name of it, or NULL */
};

struct ladder {
	struct ladder_end left, right; /* left.rec is never NULL; right: the other end of the same connection */
	const char *boot;              /* first 8 hex digits of the boot id; need not end there */
	bool ascii;
};

/* Returns the number of bytes written, the last one a newline. `size` is at least LADDER_MAX. */
size_t ladder_draw(const struct ladder *ladder, char *buf, size_t size);

#endif
