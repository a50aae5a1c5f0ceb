/* SPDX-License-Identifier: GPL-2.0-only */
/* What an OTLP server's answer says of the lines that it was sent (OTLP 1.10, "OTLP/HTTP Response"). Any bytes may come. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define OTLP_TROUBLE_MAX 240

enum otlp_fate {
	OTLP_DELIVERED,
	OTLP_AGAIN,   /* the same lines may be taken later */
	OTLP_REFUSED, /* they never will be */
};

struct otlp_answer {
	long status; /* of HTTP */
	const char *text;
	size_t len;
	uint64_t retry_after_s; /* 0: it does not say */
};

struct otlp_verdict {
	enum otlp_fate fate;
	size_t rejected;  /* of those that were delivered */
	uint64_t wait_ms; /* before the next try, as the server asks for; 0: it does not */
	char why[OTLP_TROUBLE_MAX];
};

struct otlp_verdict otlp_answer_judge(const struct otlp_answer *answer, size_t lines);
