/* SPDX-License-Identifier: GPL-2.0-only */
/* What the program knows of itself. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* 12 random hex digits, for one run. */
#define INSTANCE_LEN 13
void self_instance(char instance[INSTANCE_LEN]);

/* True in a container that does not share the host's processes: it sees its own only. */
bool self_foreign_pids(void);

uint64_t self_rss_bytes(void); /* of this process */
