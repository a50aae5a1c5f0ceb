// SPDX-License-Identifier: GPL-2.0-only
#include "status_findings.h"

#include "src/core/findings.h"
#include "src/core/record_clock.h"

#include <stdio.h>
#include <string.h>

static void put(struct status_findings *all, size_t i, const struct finding_record *finding)
{
	struct buf b;

	buf_init(&b, all->items[i].message, sizeof(all->items[i].message) - 1);
	finding_message(&b, finding);
	*b.p = '\0';
	snprintf(all->items[i].comm, sizeof(all->items[i].comm), "%.*s", WIRE_COMM_LEN, finding->t.task.comm);
	all->items[i].finding = *finding;
}

/* In order: it goes before the first that is less bad, and the last one may have to leave. */
void status_findings_add(void *findings, const struct finding_record *finding)
{
	struct status_findings *all = findings;
	size_t i = 0, move;

	all->count++;
	while (i < all->len && finding_compare(&all->items[i].finding, finding) <= 0)
		i++;
	if (i == STATUS_FINDINGS_MAX)
		return;
	move = all->len < STATUS_FINDINGS_MAX ? all->len++ - i : STATUS_FINDINGS_MAX - 1 - i;
	memmove(&all->items[i + 1], &all->items[i], move * sizeof(all->items[0]));
	put(all, i, finding);
}

void status_findings_clear(struct status_findings *all)
{
	all->count = 0;
	all->len = 0;
}

size_t status_findings_list(const struct status_findings *all, const struct record_context *context, struct status_finding *ret)
{
	for (size_t i = 0; i < all->len; i++)
		ret[i] = (struct status_finding){
			.id = finding_id_name(all->items[i].finding.id),
			.severity = finding_severity_name(all->items[i].finding.severity),
			.message = all->items[i].message,
			.since_wall_ns = record_wall_ns(context, all->items[i].finding.since_ns),
			.pid = all->items[i].finding.t.task.tgid,
			.comm = all->items[i].comm,
		};
	return all->len;
}
