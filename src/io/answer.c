// SPDX-License-Identifier: GPL-2.0-only
/*
 * A client has CLIENT_NS to take its text, which the kernel holds for it, as a rule as a whole. CLIENTS are served at a time,
 * and no more than that begin between two ticks: a client that asks on and on costs a bounded share of the loop. Others wait in
 * the kernel's queue of the socket.
 */
#include "answer.h"

#include "wait.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS 16
#define CLIENT_NS 2000000000ull
#define SEND_BYTES (16 << 10) /* of the kernel for a client that does not read */
#define LISTENER UINT32_MAX   /* its number in epoll; clients have their places */

struct client {
	int fd; /* -1: none */
	uint64_t until_ns;
	char *rest; /* what the kernel did not take yet; NULL: nothing */
	size_t rest_len;
};

struct answer {
	struct answer_config config;
	int epoll_fd;
	bool listens;       /* new clients are let in */
	unsigned int begun; /* since the last tick */
	struct client clients[CLIENTS];
	char text[ANSWER_MAX];
};

static int watch(const struct answer *a, int op, int fd, uint32_t events, uint32_t number)
{
	struct epoll_event ev = {.events = events, .data.u32 = number};

	return epoll_ctl(a->epoll_fd, op, fd, &ev) ? -errno : 0;
}

int answer_open(struct answer **out, const struct answer_config *config)
{
	struct answer *a = malloc(sizeof(*a));
	int err;

	if (!a)
		return -ENOMEM;
	*a = (struct answer){.config = *config, .epoll_fd = epoll_create1(EPOLL_CLOEXEC), .listens = true};
	for (size_t i = 0; i < CLIENTS; i++)
		a->clients[i].fd = -1;
	err = a->epoll_fd < 0 ? -errno : watch(a, EPOLL_CTL_ADD, config->listen_fd, EPOLLIN, LISTENER);
	if (err)
		answer_close(a);
	else
		*out = a;
	return err;
}

static void end_client(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd); /* which takes it out of epoll */
	free(client->rest);
	*client = (struct client){.fd = -1};
}

void answer_close(struct answer *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < CLIENTS; i++)
		end_client(&a->clients[i]);
	if (a->epoll_fd >= 0)
		close(a->epoll_fd);
	free(a);
}

int answer_fd(const struct answer *a)
{
	return a->epoll_fd;
}

static struct client *free_place(struct answer *a)
{
	for (size_t i = 0; i < CLIENTS; i++)
		if (a->clients[i].fd < 0)
			return &a->clients[i];
	return NULL;
}

/* Number of bytes taken, or -errno. */
static ssize_t give(int fd, const char *text, size_t len)
{
	ssize_t sent = send(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	return sent < 0 ? errno == EAGAIN || errno == EINTR ? 0 : -errno : sent;
}

static int keep_rest(struct client *client, const char *text, size_t len)
{
	client->rest = malloc(len);
	if (!client->rest)
		return -ENOMEM;
	memcpy(client->rest, text, len);
	client->rest_len = len;
	return 0;
}

/* Once all is sent the connection is over for us; the client's end of it is awaited, so that it has its place until then. */
static int begin_client(struct answer *a, struct client *client, int fd)
{
	const int bytes = SEND_BYTES;
	size_t len = a->config.make(a->config.ctx, a->text, sizeof(a->text));
	ssize_t sent;
	int err;

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	sent = give(fd, a->text, len);
	*client = (struct client){.fd = fd, .until_ns = wait_later(wait_now(), CLIENT_NS)};
	if (sent < 0)
		return (int)sent;
	err = (size_t)sent < len ? keep_rest(client, a->text + sent, len - (size_t)sent) : 0;
	if (!err && !client->rest)
		shutdown(fd, SHUT_WR);
	return err ?: watch(a, EPOLL_CTL_ADD, fd, client->rest ? EPOLLOUT : 0, (uint32_t)(client - a->clients));
}

static void set_listening(struct answer *a)
{
	bool wanted = a->begun < CLIENTS && free_place(a);

	if (wanted != a->listens && !watch(a, EPOLL_CTL_MOD, a->config.listen_fd, wanted ? EPOLLIN : 0, LISTENER))
		a->listens = wanted;
}

static void let_in(struct answer *a)
{
	struct client *client;
	int fd;

	while (a->begun < CLIENTS && (client = free_place(a))) {
		fd = accept4(a->config.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			break;
		a->begun++;
		if (begin_client(a, client, fd))
			end_client(client);
	}
}

/* It takes more, or has gone. */
static void go_on(struct answer *a, struct client *client, uint32_t events)
{
	ssize_t sent;

	if (client->fd < 0)
		return;
	if (!client->rest || events & (EPOLLHUP | EPOLLERR)) {
		end_client(client);
		return;
	}
	sent = give(client->fd, client->rest, client->rest_len);
	if (sent < 0) {
		end_client(client);
		return;
	}
	client->rest_len -= (size_t)sent;
	memmove(client->rest, client->rest + sent, client->rest_len);
	if (client->rest_len)
		return;
	free(client->rest);
	client->rest = NULL;
	shutdown(client->fd, SHUT_WR);
	(void)watch(a, EPOLL_CTL_MOD, client->fd, 0, (uint32_t)(client - a->clients));
}

void answer_run(struct answer *a)
{
	struct epoll_event events[CLIENTS + 1];
	int n = epoll_wait(a->epoll_fd, events, CLIENTS + 1, 0);

	for (int i = 0; i < n; i++)
		if (events[i].data.u32 == LISTENER)
			let_in(a);
		else
			go_on(a, &a->clients[events[i].data.u32], events[i].events);
	set_listening(a);
}

void answer_tick(struct answer *a, uint64_t now)
{
	for (size_t i = 0; i < CLIENTS; i++)
		if (a->clients[i].fd >= 0 && now >= a->clients[i].until_ns)
			end_client(&a->clients[i]);
	a->begun = 0;
	set_listening(a);
}
