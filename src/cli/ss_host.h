/* SPDX-License-Identifier: GPL-2.0-only */
/* Hosts and ports as ss(8) has them in its filters. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct filter_host;

/* [FAMILY:]ADDRESS[/PREFIX][:PORT] into *ret but for `local`. False: it is none, and `why` says what is wrong. */
bool ss_host_parse(const char *text, struct filter_host *ret, char *why, size_t why_size);

/* [:]PORT, a number, the name of a service or "*". */
bool ss_port_parse(const char *text, struct filter_host *ret, char *why, size_t why_size);
