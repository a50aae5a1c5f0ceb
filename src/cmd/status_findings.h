/* SPDX-License-Identifier: GPL-2.0-only */
/* Findings that stand now, the worst of them with their sentences. */
#pragma once

#include "src/core/finding.h"
#include "src/format/finding_text.h"
#include "src/format/status.h"

struct status_findings { /* all zero is empty */
	uint64_t count;  /* that stand */
	size_t len;
	struct {
		struct finding_record finding;
		char message[FINDING_TEXT_MAX], comm[WIRE_COMM_LEN + 1];
	} items[STATUS_FINDINGS_MAX];
};

void status_findings_clear(struct status_findings *findings);

/* A finding_fn: `findings` is a struct status_findings. */
void status_findings_add(void *findings, const struct finding_record *finding);

/* The worst first, with times of day by `context`. Their number, at most STATUS_FINDINGS_MAX; messages point into `findings`.
 */
size_t status_findings_list(const struct status_findings *findings, const struct record_context *context,
			    struct status_finding *ret);
