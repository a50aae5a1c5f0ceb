/* SPDX-License-Identifier: GPL-2.0-only */
/* What a recording begins with, and which of them are believed. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct recording_header {
	char magic[8];                           /* RECORDING_MAGIC */
	uint32_t version;                        /* WIRE_VERSION */
	uint32_t crc;                            /* CRC-32 of this header with crc 0 */
	int64_t clock_offset_ns, boot_offset_ns; /* wall - monotonic, wall - boottime, at the start */
	uint64_t ring_bytes;
	uint32_t max_connections;
	uint32_t foreign_pids; /* 1: the processes of the host were not seen; 0 also in older recordings */
	char boot_id[40], hostname[72], tool[32], kernel[72], arch[24], libbpf[16]; /* NUL-terminated */
};
#define RECORDING_MAGIC "tcplfsm\n"

/*
 * Anybody may have made it. NULL if each field is as a run writes it, but for the texts' bytes behind their NUL; else what is
 * wrong, and the field's offset.
 */
const char *recording_header_fault(const struct recording_header *header, size_t *ret_offset);
