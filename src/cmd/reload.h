/* SPDX-License-Identifier: GPL-2.0-only */
/* What SIGHUP changes of a live run: its files of options are read once more. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct options;
struct outputs;
struct record_context;

struct reload {
	const struct options *start;
	struct options *now; /* of the last reload; NULL: there was none */
	bool due;
};

/* Applies what can change, and says in `meta` and on stderr what did, and what needs a restart. Wrong files change nothing. */
void reload_if_due(struct reload *reload, struct outputs *outputs, const struct record_context *context, uint64_t now);
/* Those that hold now, as far as they can change. */
const struct options *reload_options(const struct reload *reload);

void reload_free(struct reload *reload); /* after the outputs, which use its selection */
