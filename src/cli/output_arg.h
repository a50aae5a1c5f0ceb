/* SPDX-License-Identifier: GPL-2.0-only */
/* The value of -o: a file's name or a URL, with options as a query: file:/var/log/t.json?detail=short&events=connection,lost */
#pragma once

#include <stddef.h>

#include "src/pipeline/output_spec.h"

#define OUTPUT_ARG_WHY 768

/*
 * What the query does not say is as in `defaults`. 0; -ENOMEM; or -EINVAL with what is wrong, and the way out, in `why`. Freed
 * by output_arg_free().
 */
int output_arg_parse(struct output_spec *ret, const char *arg, const struct output_spec *defaults, char why[OUTPUT_ARG_WHY]);
void output_arg_free(struct output_spec *spec);
