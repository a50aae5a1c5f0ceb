// SPDX-License-Identifier: GPL-2.0-only
/* Strict UTF-8, as RFC 3629 has it. */
#include "utf8.h"

size_t utf8_decode(const char *s, size_t len, uint32_t *ret_code)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	uint8_t first = (uint8_t)s[0];
	size_t need = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0;

	if (need == 0 || need > len)
		return 0;
	uint32_t code = need == 1 ? first : first & (0x7fU >> need);
	for (size_t i = 1; i < need; i++) {
		uint8_t next = (uint8_t)s[i];
		if ((next & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (next & 0x3f);
	}
	if (code < least[need] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return need;
}

bool utf8_is_control(uint32_t code)
{
	if (code < 0x61c)
		return code < 0x20 || (code >= 0x7f && code < 0xa0);
	return code == 0x61c || code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069);
}
