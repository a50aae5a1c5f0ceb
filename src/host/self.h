/* SPDX-License-Identifier: GPL-2.0-only */
/* What a run tells of its host and of itself. */
#ifndef HOST_SELF_H
#define HOST_SELF_H

#include <stdint.h>

struct options;
struct recording_header;

/* All but magic, version and crc. */
void run_header_fill(struct recording_header *header, const struct options *options);

/* 12 random hex digits, for one run. */
#define INSTANCE_LEN 13
void self_instance(char instance[INSTANCE_LEN]);

uint64_t self_rss_bytes(void); /* of this process */
uint64_t self_cpu_us(void);

#endif
