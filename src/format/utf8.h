/* SPDX-License-Identifier: GPL-2.0-only */
/* Process names and paths are bytes that anybody may choose: which of them are characters, and which must not be shown. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The length of the character at s (len > 0) and its code point; 0 if its first byte begins none: overlong forms, surrogates
 * and numbers above U+10FFFF are none.
 */
size_t utf8_decode(const char *s, size_t len, uint32_t *ret_code);

/* C0, DEL, C1, line and paragraph separators, and what turns the direction of writing. */
bool utf8_is_control(uint32_t code);
