/* SPDX-License-Identifier: GPL-2.0-only */
/* One look of `leaks` at the sockets, which is written as text or as lines: what is selected of it, and whose it is. */
#pragma once

#include "leak_who.h"
#include "leaks_out.h"
#include "run.h"
#include "src/core/leak_looks.h"
#include "src/format/format.h"
#include "src/host/self.h"
#include "src/io/recording.h"
#include "src/symbols/stack_table.h"

struct leaks {
	const struct options *options;
	struct leaks_out out;
	struct recording_header header;
	struct record_context context;
	struct admin *admin; /* of one that repeats; NULL: this process enters namespaces itself */
	struct leak_scan *scan;
	struct leak_set set;
	struct leak_groups groups, mirror, queue, killed;
	struct leak_looks looks;
	struct leak_who *who;
	struct symbolizer *stacks; /* NULL: not asked for */
	struct stack_table stack_table;
	uint64_t seq, scanned_ns, before_ns; /* before_ns: of the scan before; 0: there is none */
	uint64_t stacks_known, full_queues;  /* in the text that was written last */
	bool scan_failed, left_out;          /* the last one; and is not compared with the look before */
	bool has_header;                     /* of CSV, that is no file */
	bool stopgap_said;                   /* what the command below a group does */
	char instance[INSTANCE_LEN];
	char line[4 * FORMAT_LINE_MAX];
};

bool leaks_selects(void *leaks,
		   const struct leak_socket *socket); /* a leak_wanted_fn: a process is selected if it is a holder */

/* Is selected, and over the threshold. */
bool leaks_has(struct leaks *l, const struct leak_socket *socket);
bool leaks_wants_listener(void *leaks, const struct conn_listener_row *row); /* a queues_wanted_fn */

void leaks_describe(struct leaks *l, const struct conn_tuple *t, struct record_owner *ret_owner);
