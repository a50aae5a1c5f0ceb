// SPDX-License-Identifier: GPL-2.0-only
#include "otlp_answer.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/format/put.h"

#define WORDS_MAX 120           /* columns of the server's words */
#define RETRY_AFTER_MAX_S 86400 /* more than any line waits */

/* ": " and the first words, in one line that prints; nothing if there are none. */
static void put_words(struct buf *b, const char *text, size_t len)
{
	for (; len && strchr(" \t\r\n", text[0]); len--)
		text++;
	for (; len && strchr(" \t\r\n", text[len - 1]); len--)
		;
	if (!len)
		return;
	buf_str(b, ": ");
	put_safe(b, text, len, WORDS_MAX, true);
}

__attribute__((format(printf, 4, 5))) static void explain(struct otlp_verdict *verdict, const char *text, size_t len,
							  const char *format, ...)
{
	struct buf b;
	va_list args;
	int used;

	va_start(args, format);
	used = vsnprintf(verdict->why, sizeof(verdict->why), format, args);
	va_end(args);
	buf_init(&b, verdict->why + used, sizeof(verdict->why) - 1 - (size_t)used);
	put_words(&b, text, len);
	*b.p = '\0';
}

/* protobuf's JSON has 64-bit integers as strings or as numbers. */
static long long get_count(const json_t *value)
{
	return json_is_string(value) ? strtoll(json_string_value(value), NULL, 10) : json_integer_value(value);
}

static void judge_success(const struct otlp_answer *answer, size_t lines, struct otlp_verdict *verdict)
{
	json_t *object = json_loadb(answer->text, answer->len, 0, NULL);
	const json_t *partial = json_object_get(object, "partialSuccess");
	const char *message = json_string_value(json_object_get(partial, "errorMessage"));
	long long rejected = get_count(json_object_get(partial, "rejectedLogRecords"));

	if (rejected > 0) {
		verdict->rejected = (size_t)rejected < lines ? (size_t)rejected : lines;
		explain(verdict, message ? message : "", message ? strlen(message) : 0, "the server refused %zu of %zu",
			verdict->rejected, lines);
	}
	json_decref(object);
}

static bool is_retryable(long status)
{
	return status == 408 || status == 429 || status == 502 || status == 503 || status == 504;
}

struct otlp_verdict otlp_answer_judge(const struct otlp_answer *answer, size_t lines)
{
	struct otlp_verdict verdict = {.fate = OTLP_REFUSED};
	uint64_t wait_s = answer->retry_after_s < RETRY_AFTER_MAX_S ? answer->retry_after_s : RETRY_AFTER_MAX_S;

	if (answer->status >= 200 && answer->status < 300) {
		verdict.fate = OTLP_DELIVERED;
		judge_success(answer, lines, &verdict);
	} else if (answer->status >= 300 && answer->status < 400) {
		explain(&verdict, "", 0, "the server answered HTTP %ld, and redirections are not followed", answer->status);
	} else {
		verdict.fate = is_retryable(answer->status) ? OTLP_AGAIN : OTLP_REFUSED;
		verdict.wait_ms = verdict.fate == OTLP_AGAIN ? wait_s * 1000 : 0;
		explain(&verdict, answer->text, answer->len, "the server answered HTTP %ld", answer->status);
	}
	return verdict;
}
