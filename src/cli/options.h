/* SPDX-License-Identifier: GPL-2.0-only */
/* What the command line says, as one const struct. args.h fills it in. */
#pragma once

#include "src/core/leak_group.h"
#include "src/pipeline/select.h"

enum command {
	COMMAND_TRACE,
	COMMAND_LEAKS,
	COMMAND_SHOW,
	COMMAND_REPLAY,
	COMMAND_EXPLAIN,
	COMMAND_DOCTOR,
	COMMAND_HELP,
	COMMAND_VERSION,
	COMMAND_COMPLETION,
	COMMAND_MAX
};

struct options {
	enum command command;
	const char *file; /* replay FILE */
	const char *word; /* explain WORD, help COMMAND */
	const char *from; /* show --from: a recording or JSON lines, "-": stdin; NULL: live */
	bool follow, ascii;
	struct selection select;
	bool json;
	const char *output;   /* NULL or "-": stdout */
	uint32_t events;      /* 1 << enum record_kind */
	uint64_t progress_ns; /* 0: off */
	uint64_t summary_ns;
	bool full_time;
	bool wide;
	bool no_header;
	const char *record;
	uint64_t duration_ns; /* 0: until stopped */
	uint64_t ring_bytes;
	uint32_t max_connections;
	uint32_t time_wait; /* enum conn_tw_mode */
	uint32_t tiers;     /* --hooks, 1 << enum wire_tw_tier; 0: not given */
	bool verbose;
	uint64_t threshold_ns; /* in CLOSE_WAIT for so long is a leak */
	bool stacks;           /* where they were opened */
	uint64_t watch_ns;     /* 0: one scan */
	uint32_t leaks_max;    /* more than these are an exit code */
	uint32_t leak_by;      /* enum leak_by */
};
