// SPDX-License-Identifier: GPL-2.0-only
/*
 * What libcurl does by default and we rely on: no redirection is followed, no cookie is kept, no .netrc is read, HTTP/2 where
 * TLS negotiates it and HTTP/1.1 with connections kept alive elsewhere. The URL's scheme is ours, so no other protocol is
 * spoken.
 */
#ifdef WITH_OTLP
#include "otlp_post.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "otlp_batch.h"

#define CONNECT_TIMEOUT_MS 5000L
#define REQUEST_TIMEOUT_MS 10000L

static size_t take_answer(char *data, size_t one, size_t len, void *ctx)
{
	struct otlp_post *post = ctx;

	(void)one;
	if (len > sizeof(post->answer) - post->answer_len) {
		post->too_long = true;
		return 0; /* ends the request */
	}
	memcpy(post->answer + post->answer_len, data, len);
	post->answer_len += len;
	return len;
}

static size_t count_head(char *data, size_t one, size_t len, void *ctx)
{
	struct otlp_post *post = ctx;

	(void)data;
	(void)one;
	post->head_len += len;
	post->too_long |= post->head_len > OTLP_ANSWER_MAX;
	return post->too_long ? 0 : len;
}

/* Only these certificates are trusted: the system's folder is not searched then. */
static bool set_ca(CURL *easy, const struct curl_lib *lib, const char *ca)
{
	struct curl_blob blob = {.data = (void *)ca, .len = strlen(ca), .flags = CURL_BLOB_COPY};

	return !lib->easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob) && !lib->easy_setopt(easy, CURLOPT_CAPATH, NULL);
}

int otlp_post_open(struct otlp_post *post, const struct curl_lib *lib, const struct otlp_endpoint *endpoint)
{
	CURL *easy = lib->easy_init();
	bool bad = !easy;

	post->easy = easy;
	post->batch = NULL;
	if (bad)
		return -ENOMEM;
	bad |= lib->easy_setopt(easy, CURLOPT_URL, endpoint->url);
	bad |= lib->easy_setopt(easy, CURLOPT_HTTPHEADER, endpoint->headers);
	bad |= lib->easy_setopt(easy, CURLOPT_POST, 1L);
	bad |= lib->easy_setopt(easy, CURLOPT_PROXY, ""); /* and none of the environment */
	bad |= lib->easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	bad |= lib->easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	bad |= endpoint->ca && !set_ca(easy, lib, endpoint->ca);
	bad |= lib->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	bad |= lib->easy_setopt(easy, CURLOPT_TIMEOUT_MS, REQUEST_TIMEOUT_MS);
	bad |= lib->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	bad |= lib->easy_setopt(easy, CURLOPT_ERRORBUFFER, post->error);
	bad |= lib->easy_setopt(easy, CURLOPT_HEADERFUNCTION, count_head);
	bad |= lib->easy_setopt(easy, CURLOPT_HEADERDATA, post);
	bad |= lib->easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
	bad |= lib->easy_setopt(easy, CURLOPT_WRITEDATA, post);
	bad |= lib->easy_setopt(easy, CURLOPT_PRIVATE, post);
#if LIBCURL_VERSION_NUM >= 0x075700
	lib->easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* else its end waits for a name server that does not answer */
#endif
	return bad ? -ENOSYS : 0;
}

void otlp_post_close(struct otlp_post *post, const struct curl_lib *lib)
{
	if (post->easy)
		lib->easy_cleanup(post->easy);
	post->easy = NULL;
}

int otlp_post_begin(struct otlp_post *post, const struct curl_lib *lib, struct otlp_batch *batch)
{
	post->too_long = false;
	post->head_len = post->answer_len = 0;
	post->error[0] = '\0';
	if (lib->easy_setopt(post->easy, CURLOPT_POSTFIELDS, batch->body) ||
	    lib->easy_setopt(post->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)batch->size))
		return -ENOMEM;
	post->batch = batch;
	return 0;
}

struct otlp_verdict otlp_post_end(struct otlp_post *post, const struct curl_lib *lib, CURLcode result)
{
	struct otlp_answer answer = {.text = post->answer, .len = post->answer_len};
	struct otlp_verdict verdict = {.fate = OTLP_AGAIN};
	size_t lines = post->batch->lines;
	curl_off_t retry_after = 0;

	post->batch = NULL;
	if (result == CURLE_OK || post->too_long)
		lib->easy_getinfo(post->easy, CURLINFO_RESPONSE_CODE, &answer.status);
	if (answer.status) {
		lib->easy_getinfo(post->easy, CURLINFO_RETRY_AFTER, &retry_after);
		answer.retry_after_s = retry_after > 0 ? (uint64_t)retry_after : 0;
		return otlp_answer_judge(&answer, lines);
	}
	snprintf(verdict.why, sizeof(verdict.why), "%.200s", post->error[0] ? post->error : lib->easy_strerror(result));
	return verdict;
}
#endif
