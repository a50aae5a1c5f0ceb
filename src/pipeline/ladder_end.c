// SPDX-License-Identifier: GPL-2.0-only
#include "ladder_end.h"

#include "src/core/record_clock.h"

#include <stdio.h>
#include <string.h>

void ladder_end_fill(const struct record_context *context, const struct record *rec, struct ladder_end *ret)
{
	uint32_t reset = rec->conn->resets.reason;
	const char *reason = reset ? context->reason_name(context->ctx, reset) : NULL;

	*ret = (struct ladder_end){.ts = rec->ts};
	ret->rec = *rec->conn;
	ret->start_us = record_wall_ns(context, rec->conn->start_ns) / 1000;
	memcpy(ret->boot, context->boot_id, strnlen(context->boot_id, LADDER_BOOT_LEN));
	if (reason)
		snprintf(ret->reset_reason, sizeof(ret->reset_reason), "%s", reason);
}
