// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any bytes as JSON lines of a report. Whatever they say: the page is whole, has no markup from outside, and fits. Attributes
 * and tags are the page's own, so each < begins one of those that the sources have.
 */
#include "src/format/html.h"
#include "src/format/report.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_page(char *page, size_t len)
{
	static const char end[] = "</body></html>\n";

	check(len <= HTML_MAX && len > sizeof(end) && !memcmp(page + len - sizeof(end) + 1, end, sizeof(end) - 1));
	for (size_t i = 0; i < len; i++) {
		check(page[i] == '\n' || (unsigned char)page[i] >= ' ');
		check(page[i] != '<' || page[i + 1] == '/' || page[i + 1] == '!' || (page[i + 1] >= 'a' && page[i + 1] <= 'z'));
	}
	page[len - 1] = '\0';
	check(!strstr(page, "<script>alert") && !strstr(page, "<img"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct html_parts parts = {
		.style = "", .script = "", .style_sha256 = "", .script_sha256 = "", .version = ""};
	static char page[HTML_MAX];
	struct report *report = calloc(1, sizeof(*report));
	const char *line = (const char *)data, *end = line + size, *newline;
	static struct report_parsed parsed;

	check(report);
	report_init(report, INT64_MIN, INT64_MAX);
	for (; line < end; line = newline + 1) {
		newline = memchr(line, '\n', (size_t)(end - line)) ?: end;
		parsed.why[0] = '\0';
		report_parse(&parsed, line, (size_t)(newline - line));
		check(report_take(report, &parsed) || parsed.why[0]);
		report_forget(&parsed);
	}
	report_judge(report);
	check_page(page, html_report(report, &parts, page, sizeof(page)));
	free(report);
	return 0;
}
