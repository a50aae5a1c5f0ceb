// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients are few, their requests small, and none has more than CLIENT_NS in all: then its connection is cut, whatever it does.
 * Every answer ends its connection; that of /events is as long as its client takes each event in this time. The text is what
 * the tracer made last; if that is older than METRICS_STALE_NS, the tracer hangs, and the answer is an error instead of numbers
 * that are not true any more.
 */
#include "metrics_http.h"

#include "metrics_page.h"
#include "relay_sandbox.h"
#include "src/host/helper.h"
#include "src/host/shared_page.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void end(int say, const char *why)
{
	(void)!write(say, why, strlen(why));
	_exit(HELPER_REFUSED);
}

#ifdef WITH_HTTP
#include "http_library.h"
#include "metrics_live.h"
#include "wait.h"

#include <seccomp.h>
#include <sys/socket.h>

#define CLIENTS 32u
#define CLIENT_NS 10000000000ull /* from its connect() to the end of the answer, or of an event */
#define IDLE_S 5u                /* without a byte in either direction */
#define REQUEST_BYTES 32768u     /* cookies are in it twice */
#define SEND_BYTES (64 << 10)    /* of the kernel for a client that does not read */
#define ROUND_MS 500
#define RUNS_MAX 64 /* in a round */

struct client {
	int fd; /* -1: none */
	uint64_t since_ns;
};

struct http {
	struct http_library lib;
	struct MHD_Daemon *daemon;
	const struct metrics_page *page;
	struct metrics_live live;
	struct client clients[CLIENTS];
};

/* Of what is loaded and listens already: no file is opened, and nobody is called. */
static int close_the_door(void)
{
	static const int calls[] = {SCMP_SYS(open),    SCMP_SYS(openat), SCMP_SYS(socket), SCMP_SYS(socketpair),
				    SCMP_SYS(connect), SCMP_SYS(bind),   SCMP_SYS(listen), SCMP_SYS(clone)};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int err = filter ? 0 : -ENOMEM;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]) && !err; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[i], 0);
	err = err ?: seccomp_load(filter);
	seccomp_release(filter);
	return err;
}

/* A copy of the last text, which the caller frees; NULL: there is none that is true now. */
static char *last_text(const struct metrics_page *page, size_t *ret_len)
{
	char *copy = malloc(METRICS_TEXT_MAX);
	uint32_t turn = 0;

	*ret_len = copy ? metrics_text_copy(&page->numbers, &turn, copy, METRICS_TEXT_MAX) : 0;
	if (*ret_len)
		return copy;
	free(copy);
	return NULL;
}

/* `text` is the response's from here on, if it is to be freed. */
static enum MHD_Result answer(const struct http *h, struct MHD_Connection *connection, unsigned int status, const char *text,
			      size_t len)
{
	struct MHD_Response *response = h->lib.MHD_create_response_from_buffer(
		len, (void *)text, status == MHD_HTTP_OK ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	h->lib.MHD_add_response_header(response, "Content-Type",
				       status == MHD_HTTP_OK ? "text/plain; version=0.0.4; charset=utf-8"
							     : "text/plain; charset=utf-8");
	h->lib.MHD_add_response_header(response, "Connection", "close");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		h->lib.MHD_add_response_header(response, "Allow", "GET");
	result = h->lib.MHD_queue_response(connection, status, response);
	h->lib.MHD_destroy_response(response);
	return result;
}

#define ANSWER(h, connection, status, text) answer(h, connection, status, text, sizeof(text) - 1)

/* An MHD_AccessHandlerCallback. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url, const char *method,
				  const char *version, const char *upload, size_t *upload_size, void **request)
{
	struct http *h = ctx;
	const union MHD_ConnectionInfo *info;
	struct client *client;
	size_t len;
	char *text;

	(void)version, (void)upload, (void)upload_size, (void)request;
	if (strcmp(method, "GET") != 0)
		return ANSWER(h, connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n");
	info = h->lib.MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	client = info ? info->socket_context : NULL;
	if (metrics_live_has(url) && client)
		return metrics_live_answer(&h->live, connection, url, &client->since_ns);
	if (strcmp(url, "/metrics") != 0)
		return ANSWER(h, connection, MHD_HTTP_NOT_FOUND, "metrics are at /metrics, the live page is at /\n");
	text = last_text(h->page, &len);
	if (!text)
		return ANSWER(h, connection, MHD_HTTP_SERVICE_UNAVAILABLE,
			      "tcplife-fsm has no metrics now: it starts, or it hangs\n");
	return answer(h, connection, MHD_HTTP_OK, text, len);
}

/* An MHD_NotifyConnectionCallback: *socket is the client's place. */
static void on_connection(void *ctx, struct MHD_Connection *connection, void **socket, enum MHD_ConnectionNotificationCode code)
{
	struct http *h = ctx;
	const union MHD_ConnectionInfo *info;
	const int bytes = SEND_BYTES;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED && *socket)
		((struct client *)*socket)->fd = -1;
	if (code != MHD_CONNECTION_NOTIFY_STARTED)
		return;
	info = h->lib.MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	for (unsigned int i = 0; info && i < CLIENTS && !*socket; i++) {
		if (h->clients[i].fd >= 0)
			continue;
		h->clients[i] = (struct client){.fd = info->connect_fd, .since_ns = wait_now()};
		(void)setsockopt(info->connect_fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
		*socket = &h->clients[i];
	}
}

/* libmicrohttpd finds their end, and closes them. */
static void cut_slow_clients(const struct http *h)
{
	uint64_t now = wait_now();

	for (unsigned int i = 0; i < CLIENTS; i++)
		if (h->clients[i].fd >= 0 && now > h->clients[i].since_ns + CLIENT_NS)
			shutdown(h->clients[i].fd, SHUT_RDWR);
}

static struct MHD_Daemon *start(struct http *h, int listen_fd)
{
	return h->lib.MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, h, MHD_OPTION_LISTEN_SOCKET, listen_fd,
				       MHD_OPTION_CONNECTION_LIMIT, CLIENTS, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
				       MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES, MHD_OPTION_NOTIFY_CONNECTION,
				       on_connection, h, MHD_OPTION_END);
}

/* It reads a long request in small pieces, one in a run. A page that waits for its next event has it say "at once", too. */
static void run(const struct http *h)
{
	MHD_UNSIGNED_LONG_LONG ms = 1;

	for (int i = 0; i < RUNS_MAX; i++) {
		h->lib.MHD_run(h->daemon);
		if (h->lib.MHD_get_timeout(h->daemon, &ms) != MHD_YES || ms)
			break;
	}
}

/* Until the tracer is no more. */
static void serve(struct http *h, int life_fd)
{
	const union MHD_DaemonInfo *info = h->lib.MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	struct pollfd fds[] = {{.fd = info->epoll_fd, .events = POLLIN}, {.fd = life_fd, .events = POLLIN}};

	while (!fds[1].revents) {
		(void)poll(fds, 2, ROUND_MS);
		run(h);
		cut_slow_clients(h);
		metrics_live_tick(&h->live);
	}
}

void metrics_http_run(int first_fd, const struct live_html *html)
{
	const int say = first_fd + METRICS_FD_SAY;
	struct http *h = calloc(1, sizeof(*h));
	char why[METRICS_WHY] = "";

	if (!h)
		end(say, "no memory for the process that serves metrics");
	h->page = shared_page_map(first_fd + METRICS_FD_PAGE, sizeof(*h->page), 0);
	h->live = (struct metrics_live){
		.lib = &h->lib,
		.page = h->page,
		.asked = shared_page_map(first_fd + METRICS_FD_ASKED, sizeof(*h->live.asked), 1),
		.html = html,
	};
	for (unsigned int i = 0; i < CLIENTS; i++)
		h->clients[i].fd = -1;
	if (!h->page || !h->live.asked || !html)
		end(say, "the process that serves metrics cannot map them");
	if (relay_sandbox_enter(-1))
		end(say, "the process that serves metrics cannot be confined");
	if (http_library_load(&h->lib, why, sizeof(why)))
		end(say, why);
	h->daemon = start(h, first_fd + METRICS_FD_LISTEN);
	if (!h->daemon || close_the_door())
		end(say, "libmicrohttpd cannot serve metrics");
	(void)!write(say, METRICS_READY, strlen(METRICS_READY));
	serve(h, first_fd + METRICS_FD_LIFE);
	_exit(0);
}
#else
void metrics_http_run(int first_fd, const struct live_html *html)
{
	(void)html;
	end(first_fd + METRICS_FD_SAY, "this build has no --metrics, for want of libmicrohttpd: use --metrics-file");
}
#endif
