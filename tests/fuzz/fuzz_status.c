// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any bytes as the status that somebody at a socket gives: it is refused with a sentence, or makes a text for people and a line
 * that have no control character but newlines in them, whatever is missing or of another type.
 */
#include "src/format/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_harmless(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		check(text[i] == '\n' || ((unsigned char)text[i] >= ' ' && text[i] != 0x7f));
	for (size_t i = 0; i + 1 < len; i++) /* U+0080 to U+009F are control characters, too */
		check((unsigned char)text[i] != 0xc2 || (unsigned char)text[i + 1] > 0x9f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[STATUS_TEXT_MAX];
	char why[STATUS_WHY] = "";
	struct status_document *document = status_read((const char *)data, size, why);
	char *line;

	if (!document) {
		check(*why);
		return 0;
	}
	check_harmless(text, status_text(status_of(document), "/run/s", text, sizeof(text)));
	line = status_document_line(document);
	check(line && !strchr(line, '\n'));
	check_harmless(line, strlen(line));
	free(line);
	status_document_free(document);
	return 0;
}
