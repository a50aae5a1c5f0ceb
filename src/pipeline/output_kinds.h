/* SPDX-License-Identifier: GPL-2.0-only */
/* What each kind of output is: one row per kind. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "output_spec.h"
#include "src/io/output_open.h"

struct destination;
struct format;

#define OUTPUT_WHY 400

/*
 * Opens where the output's bytes go. 0; or -errno, or -output_refusal, with a sentence in `why` if the number does not say it
 * all ("" else). -EINTR: `wait` gave up. The spec must outlive the destination.
 */
int output_destination(struct destination **out, const struct output_spec *spec, reader_wait_fn wait, void *ctx,
		       char why[OUTPUT_WHY]);

const char *output_kind_name(enum output_kind kind);

/* What it is written in, where the run writes JSON or a table. */
const struct format *output_format_of(const struct output_spec *spec, bool json);

/* True if one of them has a process of its own, as those over the network have. */
bool outputs_have_processes(const struct output_spec *specs, size_t n);
