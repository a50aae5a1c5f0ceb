/* SPDX-License-Identifier: GPL-2.0-only */
/* Findings to be shown at the end, with the strings of their owners. */
#pragma once

#include "src/core/finding.h"

struct kept_finding {
	struct finding_record finding;
	uint64_t ts;
	struct record_owner owner;
	char *strings; /* the owner's */
};

struct findings_kept { /* all zero is empty */
	struct kept_finding *items;
	size_t len;
	uint64_t left_out;
	bool no_memory;
};

/* A record of a finding; of one with the same number that came before, it takes the place. */
void findings_kept_put(struct findings_kept *kept, const struct record *rec, const struct record_owner *owner);

/* Forgets the finding with this number, if it is there. */
void findings_kept_drop(struct findings_kept *kept, uint64_t number);

/* The worst first. */
void findings_kept_sort(struct findings_kept *kept);
void findings_kept_free(struct findings_kept *kept);
