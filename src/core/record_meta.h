/* SPDX-License-Identifier: GPL-2.0-only */
/* What `meta` records say of the run itself. */
#pragma once

#include "record_names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record_hook {                   /* a row of meta.hooks */
	const char *name, *type, *why; /* why: "" when used */
	bool ok;
	bool not_needed; /* not used, and nothing is missing without it */
};

/* Of an output, whose trouble begins or ends. */
struct record_output {
	const char *name;
	const char *error; /* NULL: it takes records again */
	uint64_t since_ns; /* when the trouble began */
};

/* The configuration was read again. */
#define RECORD_RELOAD_NAMES 64
struct record_reload {
	const char *error; /* NULL: it was fine; else nothing was changed */
	const char *changed[RECORD_RELOAD_NAMES], *needs_restart[RECORD_RELOAD_NAMES]; /* options */
	size_t changed_len, needs_restart_len;
};

struct record_level_step; /* of level.h */
struct record_meta {
	const char *what;                   /* start ready reload degraded stop output_failing output_stuck output_works ... */
	const struct record_output *output; /* NULL: it is not about one */
	const struct record_reload *reload; /* of "reload" */
	const struct record_level_step *step; /* of "level" */
	uint64_t left_out;                    /* records that the level kept from this output since the start */
	const struct record_hook *hooks;
	size_t hooks_len;
	struct {
		uint64_t max_connections, ring_bytes;
	} limits;
};
