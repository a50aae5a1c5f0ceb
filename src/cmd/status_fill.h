/* SPDX-License-Identifier: GPL-2.0-only */
/* The status of a run at this moment, from all that knows a part of it. */
#pragma once

#include "src/core/metrics.h"
#include "src/format/status.h"
#include "src/kernel/collector.h"
#include "src/pipeline/pipeline.h"
#include "status_findings.h"

struct live;
struct outputs;
struct reload;

/* What it says is theirs; what it points to must outlive the run. */
struct status_sources {
	struct live *live;
	const struct outputs *outputs;
	const struct reload *reload;
	const char *hostname;
	uint64_t max_connections;
	bool findings; /* some output wants them, so that they are watched */
};

/* What the status points into. */
struct status_space {
	struct status_hook hooks[STATUS_HOOKS_MAX];
	struct status_output outputs[STATUS_OUTPUTS_MAX];
	struct status_lost lost[STATUS_LOST_MAX];
	struct status_findings standing;
	struct status_finding findings[STATUS_FINDINGS_MAX];
	struct status_option options[STATUS_OPTIONS_MAX];
	char filter[512];
};

/* CPU time of the process at two moments, at least ten seconds apart after a while: status_cpu_tick(). */
struct status_cpu {
	uint64_t begun_ns, mark_ns, mark_cpu_ns, last_ns, last_cpu_ns;
};
void status_cpu_begin(struct status_cpu *cpu);
void status_cpu_tick(struct status_cpu *cpu);

/* All but `instance`. */
void status_fill(const struct status_sources *sources, const struct status_cpu *cpu, struct status_space *space,
		 struct status *ret);
