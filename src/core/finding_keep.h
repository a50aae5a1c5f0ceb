/* SPDX-License-Identifier: GPL-2.0-only */
/* A finding that stands, as an event for the next run, and back. */
#pragma once

#include "finding.h"
#include "wire_read.h"

/* One that stands at `now`. */
void finding_keep(const struct finding_record *finding, uint64_t now, event_fn fn, void *ctx);

struct finding_record finding_kept(const struct wire_standing *ev);
