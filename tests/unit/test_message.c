// SPDX-License-Identifier: GPL-2.0-only
/* Whatever bytes a message has: stderr gets one line of valid UTF-8 without a control character. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/format/utf8.h"
#include "src/io/message.h"

static char said[1 << 20];

__attribute__((format(printf, 2, 3))) static void print(bool lines, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	message_print("tool: ", format, args, lines);
	va_end(args);
}

/* What message_print() writes to stderr with this text. */
static const char *say(bool lines, const char *text)
{
	FILE *file = tmpfile();
	int kept = dup(STDERR_FILENO);
	size_t len;

	assert_true(file && kept >= 0);
	dup2(fileno(file), STDERR_FILENO);
	print(lines, "'%s'", text);
	dup2(kept, STDERR_FILENO);
	close(kept);
	rewind(file);
	len = fread(said, 1, sizeof(said) - 1, file);
	said[len] = '\0';
	assert_int_equal(strlen(said), len);
	fclose(file);
	return said;
}

static void check_harmless(const char *text, bool lines)
{
	size_t len = strlen(text);
	uint32_t code;

	for (size_t i = 0, used; i < len; i += used) {
		used = utf8_decode(text + i, len - i, &code);
		assert_true(used);
		assert_true(!utf8_is_control(code) || (code == '\n' && (lines || i == len - 1)) || (lines && code == '\t'));
	}
}

static void escapes(void **state)
{
	(void)state;
	assert_string_equal(say(false, "a b"), "tool: 'a b'\n");
	assert_string_equal(say(false, "\033[31mred\a"), "tool: '\\x1b[31mred\\x07'\n");
	assert_string_equal(say(false, "a\nb\tc\r\x7f"), "tool: 'a\\x0ab\\x09c\\x0d\\x7f'\n");
	assert_string_equal(say(true, "a\nb\tc\r"), "tool: 'a\nb\tc\\x0d'");
	assert_string_equal(say(false, "\xc2\x9b"
				       "31m"),
			    "tool: '\\xc2\\x9b31m'\n"); /* U+009B: CSI in one character */
	assert_string_equal(say(false, "\xe2\x80\xae"
				       "cod.exe"),
			    "tool: '\\xe2\\x80\\xaecod.exe'\n"); /* U+202E */
	assert_string_equal(say(false, "\xff\xc3"), "tool: '\\xff\\xc3'\n");
	assert_string_equal(say(false, "\xc3\xa9"), "tool: '\xc3\xa9'\n");
}

/* Each byte, and each length about those of the buffers, with characters of two and three bytes at their ends. */
static void any_bytes(void **state)
{
	static char text[70000];

	(void)state;
	for (unsigned int c = 1; c < 256; c++)
		text[c - 1] = (char)c;
	check_harmless(say(false, text), false);
	check_harmless(say(true, text), true);
	for (size_t len = 1000; len < sizeof(text) - 4; len += len < 1040 || (len > 4060 && len < 4130) ? 1 : 977) {
		memset(text, 'x', len);
		strcpy(text + len, len % 2 ? "\xe2\x82\xac" : "\xc2\x9b");
		check_harmless(say(false, text), false);
		assert_int_equal(strlen(said), strlen("tool: ''\n") + len + (len % 2 ? 3 : 8));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes),
		cmocka_unit_test(any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
