// SPDX-License-Identifier: GPL-2.0-only
/*
 * Batches wait in a list, the oldest first, and up to four are under way at once, each by a request of its own: one server far
 * away would else bound how many lines a second there can be. While the server fails, one at a time tries it, after a time that
 * doubles. libcurl's multi interface does all of it on the caller's thread; only names are looked up on threads of libcurl.
 *
 * A batch that was sent, and whose answer did not come, is sent again: lines can arrive twice, with the same instance and seq.
 */
#ifdef WITH_OTLP
#include "otlp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "curl_lib.h"
#include "otlp_batch.h"
#include "otlp_headers.h"
#include "otlp_post.h"
#include "src/format/format.h"

#define POSTS 4
#define WORK_MAX (16 << 20)
#define GATHER_MS 1000   /* no line waits longer for others */
#define EXPIRE_MS 300000 /* after this a line is given up, if no spool has it */
#define BACKOFF_FIRST_MS 500
#define BACKOFF_DOUBLES 6 /* so often: 32 s are the longest */
#define ADDRESS_MAX 1024

struct otlp {
	struct transport transport;
	struct transport_outcome outcome;
	bool patient; /* lines do not expire */
	struct curl_lib lib;
	CURLM *multi;
	struct curl_slist *headers;
	char *url;
	struct otlp_gather gather;
	struct otlp_batch *waiting; /* the oldest first */
	size_t work;                /* bytes of all batches, those under way included */
	struct otlp_post posts[POSTS];
	unsigned int running;           /* posts that have a batch */
	unsigned int failures;          /* in a row */
	uint64_t retry_at_ms;           /* nothing is sent before */
	bool server_asked;              /* for that */
	bool news;                      /* the outcome of lines was reported */
	char trouble[OTLP_TROUBLE_MAX]; /* why sending failed last, or "" */
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Batches */

static void tell_lost(struct otlp *o, size_t lines, const char *format)
{
	char why[OTLP_TROUBLE_MAX + 80];

	snprintf(why, sizeof(why), "%s%s%s", format, o->trouble[0] ? ": " : "", o->trouble);
	o->outcome.lost(o->outcome.ctx, lines, why);
	o->news = true;
}

static void drop_batch(struct otlp *o, struct otlp_batch *batch)
{
	o->work -= sizeof(*batch) + batch->size;
	free(batch);
}

/* In the order of their first lines: one that comes back goes where it was. */
static void put_waiting(struct otlp *o, struct otlp_batch *batch)
{
	struct otlp_batch **at = &o->waiting;

	while (*at && (*at)->begun_ms <= batch->begun_ms)
		at = &(*at)->next;
	batch->next = *at;
	*at = batch;
}

static struct otlp_batch *take_waiting(struct otlp *o)
{
	struct otlp_batch *batch = o->waiting;

	o->waiting = batch->next;
	return batch;
}

static void close_gather(struct otlp *o)
{
	size_t lines = o->gather.lines;
	struct otlp_batch *batch;

	if (!lines)
		return;
	batch = otlp_gather_take(&o->gather);
	if (!batch) {
		o->outcome.lost(o->outcome.ctx, lines, "no memory");
		return;
	}
	o->work += sizeof(*batch) + batch->size;
	put_waiting(o, batch);
}

static void expire(struct otlp *o, uint64_t now)
{
	struct otlp_batch *batch;

	while (o->waiting && !o->patient && now - o->waiting->begun_ms >= EXPIRE_MS) {
		batch = take_waiting(o);
		tell_lost(o, batch->lines, "not delivered within 5 minutes");
		drop_batch(o, batch);
	}
}

/* Requests */

static void start_posts(struct otlp *o, uint64_t now)
{
	unsigned int limit = o->failures ? 1 : POSTS;

	for (size_t i = 0; i < POSTS && o->waiting && o->running < limit && now >= o->retry_at_ms; i++) {
		struct otlp_post *post = &o->posts[i];

		if (post->batch)
			continue;
		if (otlp_post_begin(post, &o->lib, o->waiting) || o->lib.multi_add_handle(o->multi, post->easy)) {
			post->batch = NULL; /* no memory: it waits for the next time */
			return;
		}
		take_waiting(o);
		o->running++;
	}
}

/* Of several requests that fail together, the first one counts. The clock's nanoseconds are the jitter. */
static void back_off(struct otlp *o, const struct otlp_verdict *verdict)
{
	unsigned int doubles = o->failures < BACKOFF_DOUBLES ? o->failures : BACKOFF_DOUBLES;
	uint64_t span_ms = (uint64_t)BACKOFF_FIRST_MS << doubles, now = now_ms();
	struct timespec ts;

	memcpy(o->trouble, verdict->why, sizeof(o->trouble));
	clock_gettime(CLOCK_MONOTONIC, &ts);
	if (verdict->wait_ms) {
		o->retry_at_ms = now + verdict->wait_ms;
		o->server_asked = true;
	} else if (now >= o->retry_at_ms) {
		o->retry_at_ms = now + span_ms / 2 + (uint64_t)ts.tv_nsec / 1000 % (span_ms / 2);
		o->server_asked = false;
	} else {
		return;
	}
	o->failures++;
	o->outcome.lost(o->outcome.ctx, 0, o->trouble); /* nothing yet, but somebody may want to know */
}

static void settle(struct otlp *o, struct otlp_batch *batch, const struct otlp_verdict *verdict)
{
	if (verdict->fate == OTLP_AGAIN) {
		back_off(o, verdict);
		put_waiting(o, batch);
		return;
	}
	o->failures = 0;
	o->retry_at_ms = 0;
	o->trouble[0] = '\0';
	o->news = true;
	if (verdict->fate == OTLP_REFUSED)
		o->outcome.lost(o->outcome.ctx, batch->lines, verdict->why);
	else if (batch->lines > verdict->rejected)
		o->outcome.delivered(o->outcome.ctx, batch->lines - verdict->rejected);
	if (verdict->fate == OTLP_DELIVERED && verdict->rejected)
		o->outcome.lost(o->outcome.ctx, verdict->rejected, verdict->why);
	drop_batch(o, batch);
}

static void take_answers(struct otlp *o)
{
	struct otlp_verdict verdict;
	struct otlp_batch *batch;
	struct otlp_post *post;
	CURLMsg *message;
	CURLcode result;
	int left;

	while ((message = o->lib.multi_info_read(o->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		result = message->data.result;
		o->lib.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&post);
		o->lib.multi_remove_handle(o->multi, post->easy); /* `message` is gone with it */
		batch = post->batch;
		verdict = otlp_post_end(post, &o->lib, result);
		o->running--;
		settle(o, batch, &verdict);
	}
}

/* The transport */

static int refuse_line(struct otlp *o)
{
	char why[OTLP_WHY_LEN + 40];

	snprintf(why, sizeof(why), "a line cannot be sent: %s", o->gather.why);
	o->outcome.lost(o->outcome.ctx, 0, why);
	return -EREMOTEIO; /* which means that */
}

static int otlp_send(struct transport *t, const char *line, size_t len)
{
	struct otlp *o = (struct otlp *)t;
	uint64_t now = now_ms();
	int err;

	if (len > FORMAT_LINE_MAX)
		return -EMSGSIZE;
	if (o->work + 2 * OTLP_BATCH_BYTES > WORK_MAX) /* what is gathered, and the batch that it becomes */
		return -EAGAIN;
	err = otlp_gather_add(&o->gather, line, len, now);
	if (err == -EAGAIN) {
		close_gather(o);
		err = otlp_gather_add(&o->gather, line, len, now);
	}
	if (o->gather.lines == OTLP_BATCH_LINES)
		close_gather(o);
	return err == -EINVAL ? refuse_line(o) : err;
}

/* Until something is due that no request brings. */
static int wait_ms(const struct otlp *o, uint64_t now, uint64_t deadline)
{
	uint64_t until = deadline;

	if (o->gather.lines && o->gather.begun_ms + GATHER_MS < until)
		until = o->gather.begun_ms + GATHER_MS;
	if (o->waiting && !o->patient && o->waiting->begun_ms + EXPIRE_MS < until)
		until = o->waiting->begun_ms + EXPIRE_MS;
	if (o->waiting && o->retry_at_ms > now && o->retry_at_ms < until)
		until = o->retry_at_ms;
	return until > now ? (int)(until - now) : 0;
}

static void otlp_poll(struct transport *t, int timeout_ms)
{
	struct otlp *o = (struct otlp *)t;
	uint64_t now = now_ms(), deadline = now + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0);
	int running;

	o->news = false;
	for (;;) {
		if (o->gather.lines && now - o->gather.begun_ms >= GATHER_MS)
			close_gather(o);
		expire(o, now);
		start_posts(o, now);
		o->lib.multi_perform(o->multi, &running);
		take_answers(o);
		now = now_ms();
		start_posts(o, now);
		if (o->news || now >= deadline)
			return;
		o->lib.multi_poll(o->multi, NULL, 0, wait_ms(o, now, deadline), NULL);
		now = now_ms();
	}
}

static void free_otlp(struct otlp *o)
{
	for (size_t i = 0; i < POSTS; i++)
		otlp_post_close(&o->posts[i], &o->lib);
	if (o->multi)
		o->lib.multi_cleanup(o->multi);
	if (o->headers)
		o->lib.slist_free_all(o->headers);
	curl_lib_unload(&o->lib);
	otlp_gather_close(&o->gather);
	free(o->url);
	free(o);
}

static void give_up(struct otlp *o)
{
	for (size_t i = 0; i < POSTS; i++) {
		if (!o->posts[i].batch)
			continue;
		o->lib.multi_remove_handle(o->multi, o->posts[i].easy);
		put_waiting(o, o->posts[i].batch);
	}
	while (o->waiting) {
		struct otlp_batch *batch = take_waiting(o);

		tell_lost(o, batch->lines, "not delivered before the end");
		drop_batch(o, batch);
	}
}

static void otlp_close(struct transport *t, int timeout_ms)
{
	struct otlp *o = (struct otlp *)t;
	uint64_t now = now_ms(), deadline = now + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0);

	close_gather(o);
	if (!o->server_asked)
		o->retry_at_ms = 0;
	otlp_poll(t, 0);
	while ((o->running || (o->waiting && o->retry_at_ms < deadline)) && (now = now_ms()) < deadline)
		otlp_poll(t, (int)(deadline - now));
	give_up(o);
	free_otlp(o);
}

/* http://host:4318/v1/logs; nothing in it that a URL treats otherwise, and no password: those are in no command line. */
static char *make_url(const struct transport_config *config, char *why, size_t why_size)
{
	const char *address = config->address, *scheme = config->tls ? "https://" : "http://";
	size_t len = strlen(address), host = strcspn(address, "/");
	char *url = NULL;

	for (size_t i = 0; i < len; i++) {
		if (address[i] <= ' ' || address[i] > '~' || strchr("@?#\\\"<>^`{|}", address[i])) {
			snprintf(why, why_size, "the address of an OpenTelemetry output is HOST:PORT/PATH, without '%c'",
				 address[i] > ' ' && address[i] <= '~' ? address[i] : ' ');
			return NULL;
		}
	}
	if (!host || address[0] == ':' || len > ADDRESS_MAX)
		snprintf(why, why_size,
			 "the address of an OpenTelemetry output is HOST:PORT/PATH, such as localhost:4318/v1/logs");
	else if (asprintf(&url, "%s%s%s", scheme, address, address[host] ? "" : "/v1/logs") < 0)
		return NULL;
	return url;
}

static int add_header(void *ctx, const char *header)
{
	struct otlp *o = ctx;
	struct curl_slist *more = o->lib.slist_append(o->headers, header);

	if (!more)
		return -ENOMEM;
	o->headers = more;
	return 0;
}

static int add_headers(struct otlp *o, const char *secrets, char *why, size_t why_size)
{
	const struct otlp_headers_user user = {.add = add_header, .ctx = o};
	static const char *const own[] = {"Content-Type: application/json", "Content-Encoding: gzip", "User-Agent: tcplife-fsm",
					  "Expect:" /* none: nothing is gained by asking first */};
	int err = 0;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]) && !err; i++)
		err = add_header(o, own[i]);
	return err || !secrets ? err : otlp_headers_read(secrets, &user, why, why_size);
}

static int set_up(struct otlp *o, const struct transport_config *config, char *why, size_t why_size)
{
	struct otlp_endpoint endpoint = {.ca = config->ca};
	int err;

	o->url = make_url(config, why, why_size);
	if (!o->url)
		return -EINVAL;
	if (config->ca && !strstr(config->ca, "-----BEGIN CERTIFICATE-----")) {
		snprintf(why, why_size, "the file that ca= names has no certificate in PEM");
		return -EINVAL;
	}
	err = curl_lib_load(&o->lib, why, why_size) ?: add_headers(o, config->secrets, why, why_size);
	if (err)
		return err;
	endpoint.url = o->url;
	endpoint.headers = o->headers;
	o->multi = o->lib.multi_init();
	err = o->multi ? otlp_gather_open(&o->gather) : -ENOMEM;
	for (size_t i = 0; i < POSTS && !err; i++)
		err = otlp_post_open(&o->posts[i], &o->lib, &endpoint);
	if (err == -ENOSYS)
		snprintf(why, why_size, "libcurl is too old for OpenTelemetry output: 7.77 or later is needed");
	return err;
}

int otlp_open(struct transport **out, const struct transport_config *config, char *why, size_t why_size)
{
	struct otlp *o = calloc(1, sizeof(*o));
	int err;

	snprintf(why, why_size, "no memory for an OpenTelemetry output");
	if (!o)
		return -ENOMEM;
	o->transport = (struct transport){.send = otlp_send, .poll = otlp_poll, .close = otlp_close};
	o->outcome = config->outcome;
	o->patient = config->patient;
	err = set_up(o, config, why, why_size);
	if (err) {
		free_otlp(o);
		return err;
	}
	*out = &o->transport;
	return 0;
}
#endif
