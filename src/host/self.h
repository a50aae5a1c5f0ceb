/* SPDX-License-Identifier: GPL-2.0-only */
/* What the program knows of itself. */
#pragma once

#include <stdint.h>

/* 12 random hex digits, for one run. */
#define INSTANCE_LEN 13
void self_instance(char instance[INSTANCE_LEN]);

uint64_t self_rss_bytes(void); /* of this process */
