/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * OpenTelemetry logs over HTTP, as OTLP/JSON: lines go in batches of at most 512 lines, 1 MB or 1 s, and stay here until the
 * server has taken or refused them, in at most 16 MB, and for at most 5 minutes unless the output is patient.
 */
#pragma once

#include "transport.h"

int otlp_open(struct transport **out, const struct transport_config *config, char *why, size_t why_size);
