/* SPDX-License-Identifier: GPL-2.0-only */
/* The CRC-32 of zlib, gzip and Ethernet, much faster than zlib's where the processor multiplies without carries. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* As zlib's crc32(): of `data` behind what has the CRC `crc`, which is 0 for nothing. */
uint32_t crc_add(uint32_t crc, const void *data, size_t len);
