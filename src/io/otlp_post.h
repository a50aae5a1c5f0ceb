/* SPDX-License-Identifier: GPL-2.0-only */
/* One HTTP request at a time, and what comes back, within bounds. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "curl_lib.h"
#include "otlp_answer.h"

#define OTLP_ANSWER_MAX (64 << 10) /* bytes of an answer's body, and of its head */

struct otlp_batch;

/* Where all requests of an output go. */
struct otlp_endpoint {
	const char *url, *ca; /* `ca`: certificates in PEM instead of the system's, or NULL */
	struct curl_slist *headers;
};

struct otlp_post {
	CURL *easy;
	struct otlp_batch *batch; /* on its way; NULL: none */
	bool too_long;
	size_t head_len, answer_len;
	char error[CURL_ERROR_SIZE];
	char answer[OTLP_ANSWER_MAX];
};

/* 0 or -errno. otlp_post_close() is fine after either. */
int otlp_post_open(struct otlp_post *post, const struct curl_lib *lib, const struct otlp_endpoint *endpoint);
void otlp_post_close(struct otlp_post *post, const struct curl_lib *lib);

int otlp_post_begin(struct otlp_post *post, const struct curl_lib *lib, struct otlp_batch *batch); /* 0 or -errno */

/* libcurl is done with it. `post` has no batch then. */
struct otlp_verdict otlp_post_end(struct otlp_post *post, const struct curl_lib *lib, CURLcode result);
