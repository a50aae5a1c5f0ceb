// SPDX-License-Identifier: GPL-2.0-only
#ifdef WITH_HTTP
/*
 * The page has no data in it: whoever may not read the events has nothing of it. A stream sends the last event that the tracer
 * made as soon as its client has taken the one before; those between are left out, so a slow client delays nobody.
 */
#include "metrics_live.h"

#include "http_guard.h"
#include "wait.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK 16384u
#define SLOW_NS 4000000000ull /* whose client has not taken an event for so long was cut off */

_Static_assert(METRICS_STREAMS_MAX == 8, "a sentence below has this number");

struct stream {
	struct metrics_live *live;
	uint64_t *since_ns; /* the client's */
	uint32_t turn;
	size_t len, sent;
	bool idle; /* all that was sent has left: libmicrohttpd asks for more only then */
	char text[LIVE_EVENT_MAX];
};

static void count(struct metrics_live *live, enum metrics_refused what)
{
	atomic_fetch_add_explicit(&live->asked->refused[what], 1, memory_order_relaxed);
}

static enum MHD_Result answer(const struct metrics_live *live, struct MHD_Connection *connection, unsigned int status,
			      struct MHD_Response *response, const char *type)
{
	const struct {
		const char *name, *value;
	} headers[] = {
		{"Content-Type", type},
		{"Content-Security-Policy", live->html->policy},
		{"Cache-Control", "no-store"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
		{"X-Content-Type-Options", "nosniff"},
		{"X-Frame-Options", "DENY"},
		{"Referrer-Policy", "no-referrer"},
		{"Connection", "close"},
	};
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		live->lib->MHD_add_response_header(response, headers[i].name, headers[i].value);
	result = live->lib->MHD_queue_response(connection, status, response);
	live->lib->MHD_destroy_response(response);
	return result;
}

static enum MHD_Result refuse(const struct metrics_live *live, struct MHD_Connection *connection, unsigned int status,
			      const char *why)
{
	return answer(live, connection, status,
		      live->lib->MHD_create_response_from_buffer(strlen(why), (void *)why, MHD_RESPMEM_PERSISTENT),
		      "text/plain; charset=utf-8");
}

/* False: there is no event that the client does not have. */
static bool next_event(struct stream *s)
{
	uint64_t now = wait_now();
	size_t len = metrics_text_copy(&s->live->page->live, &s->turn, s->text, sizeof(s->text));

	if (!len)
		return false;
	s->len = len;
	s->sent = 0;
	*s->since_ns = now;
	return true;
}

/* An MHD_ContentReaderCallback. With 0, libmicrohttpd asks again in the next round. */
static ssize_t on_room(void *ctx, uint64_t pos, char *buf, size_t max)
{
	struct stream *s = ctx;
	size_t len;

	(void)pos;
	s->idle = s->sent == s->len && !next_event(s);
	if (s->idle)
		return 0;
	len = s->len - s->sent < max ? s->len - s->sent : max;
	memcpy(buf, s->text + s->sent, len);
	s->sent += len;
	return (ssize_t)len;
}

/* An MHD_ContentReaderFreeCallback: the client has left, or was cut off. */
static void on_end(void *ctx)
{
	struct stream *s = ctx;

	if (!s->idle && wait_now() > *s->since_ns + SLOW_NS)
		count(s->live, METRICS_REFUSED_SLOW);
	s->live->streams--;
	atomic_store_explicit(&s->live->asked->streams, s->live->streams, memory_order_relaxed);
	free(s);
}

static enum MHD_Result open_stream(struct metrics_live *live, struct MHD_Connection *connection, uint64_t *since_ns)
{
	struct stream *s = malloc(sizeof(*s));
	struct MHD_Response *response;

	if (!s)
		return MHD_NO;
	*s = (struct stream){.live = live, .since_ns = since_ns};
	response = live->lib->MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_room, s, on_end);
	if (!response) {
		free(s);
		return MHD_NO;
	}
	live->streams++;
	metrics_live_tick(live);
	return answer(live, connection, MHD_HTTP_OK, response, "text/event-stream");
}

bool metrics_live_has(const char *url)
{
	return !strcmp(url, "/") || !strcmp(url, "/events");
}

enum MHD_Result metrics_live_answer(struct metrics_live *live, struct MHD_Connection *connection, const char *url,
				    uint64_t *since_ns)
{
	const char *host = live->lib->MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
	const char *origin = live->lib->MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Origin");
	const char *site = live->lib->MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Sec-Fetch-Site");
	bool page = !strcmp(url, "/");

	if (!live->page->live_on)
		return refuse(live, connection, MHD_HTTP_NOT_FOUND,
			      "no live page here: --live-page any shows it on an address that is not loopback, "
			      "--live-page off nowhere. Metrics are at /metrics\n");
	if (!http_guard_host(host)) {
		count(live, METRICS_REFUSED_HOST);
		return refuse(live, connection, MHD_HTTP_FORBIDDEN,
			      "refused for its Host header: ask by address or as localhost. Any other name may be "
			      "that of a stranger's page, which must not read this one (DNS rebinding)\n");
	}
	if (!page && !http_guard_site(host, origin, site)) {
		count(live, METRICS_REFUSED_SITE);
		return refuse(live, connection, MHD_HTTP_FORBIDDEN,
			      "refused: a page of another site asks (headers Origin, Sec-Fetch-Site)\n");
	}
	if (!page && live->streams == METRICS_STREAMS_MAX) {
		count(live, METRICS_REFUSED_FULL);
		return refuse(live, connection, MHD_HTTP_SERVICE_UNAVAILABLE,
			      "8 live pages are open, and no more are allowed: close one\n");
	}
	if (!page)
		return open_stream(live, connection, since_ns);
	return answer(
		live, connection, MHD_HTTP_OK,
		live->lib->MHD_create_response_from_buffer(live->html->len, (void *)live->html->text, MHD_RESPMEM_PERSISTENT),
		"text/html; charset=utf-8");
}

void metrics_live_tick(struct metrics_live *live)
{
	atomic_store_explicit(&live->asked->streams, live->streams, memory_order_relaxed);
	if (live->streams)
		atomic_store_explicit(&live->asked->at_ns, wait_now(), memory_order_relaxed);
}
#endif
