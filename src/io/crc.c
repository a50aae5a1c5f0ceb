// SPDX-License-Identifier: GPL-2.0-only
/*
 * A CRC is the remainder of a division of polynomials over GF(2). A block may be replaced by a shorter one that has the same
 * remainder: 16 bytes are multiplied by the remainder of x^n and added to those n bits behind them (Gopal et al., "Fast CRC
 * Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel 2009). The last 16 bytes and the tail are zlib's.
 */
#include "crc.h"

#include <zlib.h>

#if defined(__x86_64__)
#include <emmintrin.h>
#include <wmmintrin.h>

#define LANE 16
#define STEP (4 * LANE) /* four lanes, since the processor multiplies several at a time */

/* x^(n+32) and x^(n-32) modulo the polynomial, their bits turned round: for n of a step, and of a lane. */
#define BY_STEP 0x1c6e41596, 0x154442bd4
#define BY_LANE 0x0ccaa009e, 0x1751997d0

__attribute__((target("pclmul"))) static inline __m128i fold(__m128i lane, __m128i by, __m128i onto)
{
	__m128i low = _mm_clmulepi64_si128(lane, by, 0x00), high = _mm_clmulepi64_si128(lane, by, 0x11);

	return _mm_xor_si128(_mm_xor_si128(low, high), onto);
}

static inline __m128i load(const uint8_t *data, size_t lane)
{
	return _mm_loadu_si128((const __m128i *)(data + lane * LANE));
}

/* `len` is a multiple of STEP, and not 0. */
__attribute__((target("pclmul"))) static uint32_t add_folded(uint32_t crc, const uint8_t *data, size_t len)
{
	const __m128i by_step = _mm_set_epi64x(BY_STEP), by_lane = _mm_set_epi64x(BY_LANE);
	__m128i a = load(data, 0), b = load(data, 1), c = load(data, 2), d = load(data, 3);
	uint8_t rest[LANE];

	a = _mm_xor_si128(a, _mm_cvtsi32_si128((int)~crc));
	for (const uint8_t *end = data + len; (data += STEP) < end;) {
		a = fold(a, by_step, load(data, 0));
		b = fold(b, by_step, load(data, 1));
		c = fold(c, by_step, load(data, 2));
		d = fold(d, by_step, load(data, 3));
	}
	b = fold(a, by_lane, b);
	c = fold(b, by_lane, c);
	d = fold(c, by_lane, d);
	_mm_storeu_si128((__m128i *)rest, d);
	return (uint32_t)crc32(~0u, rest, LANE); /* ~0: zlib turns it round, and what was before is in `rest` */
}

uint32_t crc_add(uint32_t crc, const void *data, size_t len)
{
	size_t folded = __builtin_cpu_supports("pclmul") ? len - len % STEP : 0;

	if (folded)
		crc = add_folded(crc, data, folded);
	return (uint32_t)crc32(crc, (const uint8_t *)data + folded, (uInt)(len - folded));
}
#else
uint32_t crc_add(uint32_t crc, const void *data, size_t len)
{
	return (uint32_t)crc32(crc, data, (uInt)len);
}
#endif
