// SPDX-License-Identifier: GPL-2.0-only
#include "metrics_server.h"

#include "output_open.h"
#include "src/host/group.h"
#include "src/host/helper.h"
#include "src/host/shared_page.h"
#include "unix_listen.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BACKLOG 64
#define START_MS 5000
#define WATCHED_NS 3000000000ull /* after the process said so last */
#define RESTART_NS 5000000000ull /* between two starts */

struct metrics_server {
	struct metrics_page *page;
	struct metrics_asked *asked;
	struct unix_listen *socket; /* NULL: it listens on TCP */
	int listen_fd, page_fd, asked_fd;
	int life, say; /* our ends of its pipes; -1: it does not run */
	pid_t pid;
	uint64_t started_ns;
};

__attribute__((format(printf, 3, 4))) static int refuse(char why[METRICS_WHY], int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, METRICS_WHY, format, args);
	va_end(args);
	return err;
}

static int listen_ip(const struct metrics_address *a, char why[METRICS_WHY])
{
	bool ipv4 = IN6_IS_ADDR_V4MAPPED(&a->addr);
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(a->port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(a->port), .sin6_addr = a->addr};
	const struct sockaddr *address = ipv4 ? (const struct sockaddr *)&in : (const struct sockaddr *)&in6;
	int fd = socket(ipv4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, err;

	memcpy(&in.sin_addr, &a->addr.s6_addr[12], sizeof(in.sin_addr));
	if (fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) &&
	    (ipv4 || !setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on))) &&
	    !bind(fd, address, ipv4 ? sizeof(in) : sizeof(in6)) && !listen(fd, BACKLOG))
		return fd;
	err = -errno;
	if (fd >= 0)
		close(fd);
	return refuse(why, err, "%s%s", strerror(-err),
		      err == -EADDRINUSE     ? ": another program has this port"
		      : err == -EAFNOSUPPORT ? ": a service needs contrib/systemd/network.conf for this"
					     : "");
}

/* Who may read the metrics is in the folder's group, if that is passed on, or in ours. */
static int listen_unix(struct metrics_server *s, const char *path, char why[METRICS_WHY])
{
	int err = unix_listen_open(&s->socket, path, GROUP_NONE);

	switch (err) {
	case 0:
		return fcntl(unix_listen_fd(s->socket), F_DUPFD_CLOEXEC, 0);
	case -EADDRINUSE:
	case -EEXIST:
		return refuse(why, err, "%s: something has this name already", strerror(-err));
	default:
		return refuse(why, err, "%s", output_error(-err));
	}
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int start(struct metrics_server *s)
{
	int life[2], say[2], err;

	close_fd(&s->life);
	close_fd(&s->say);
	s->started_ns = wait_now();
	if (pipe2(life, O_CLOEXEC))
		return -errno;
	if (pipe2(say, O_CLOEXEC | O_NONBLOCK)) {
		err = -errno;
		close(life[0]);
		close(life[1]);
		return err;
	}
	const int fds[METRICS_FDS] = {[METRICS_FD_LISTEN] = s->listen_fd,
				      [METRICS_FD_PAGE] = s->page_fd,
				      [METRICS_FD_ASKED] = s->asked_fd,
				      [METRICS_FD_LIFE] = life[0],
				      [METRICS_FD_SAY] = say[1]};
	err = helper_start(HELPER_METRICS, fds, &s->pid);
	close(life[0]);
	close(say[1]);
	s->life = life[1];
	s->say = say[0];
	if (err)
		s->pid = 0;
	return err;
}

/* What it said: true if it is ready. */
static bool said_ready(struct metrics_server *s, char why[METRICS_WHY])
{
	char said[METRICS_WHY] = "";
	ssize_t n = read(s->say, said, sizeof(said) - 1);

	if (n == (ssize_t)strlen(METRICS_READY) && !memcmp(said, METRICS_READY, (size_t)n))
		return true;
	snprintf(why, METRICS_WHY, "%s", n > 0 ? said : "the process that serves metrics has ended");
	return false;
}

static int open_all(struct metrics_server *s, const struct metrics_address *address, char why[METRICS_WHY])
{
	struct pollfd said = {.events = POLLIN};
	int err;

	s->page_fd = shared_page_new("metrics", sizeof(*s->page), SHARED_PAGE_OURS, (void **)&s->page);
	if (s->page_fd < 0)
		return refuse(why, s->page_fd, "no memory for metrics");
	s->asked_fd = shared_page_new("metrics asked", sizeof(*s->asked), SHARED_PAGE_ALL, (void **)&s->asked);
	if (s->asked_fd < 0)
		return refuse(why, s->asked_fd, "no memory for metrics");
	s->page->live_on = address->live;
	s->listen_fd = address->path ? listen_unix(s, address->path, why) : listen_ip(address, why);
	if (s->listen_fd < 0)
		return s->listen_fd;
	err = start(s);
	if (err)
		return refuse(why, err, "the process that serves metrics cannot be started: %s", strerror(-err));
	said.fd = s->say;
	if (poll(&said, 1, START_MS) <= 0)
		return refuse(why, -ETIMEDOUT, "the process that serves metrics does not start");
	return said_ready(s, why) ? 0 : -ECONNABORTED;
}

int metrics_server_open(struct metrics_server **out, const struct metrics_address *address, char why[METRICS_WHY])
{
	struct metrics_server *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return refuse(why, -ENOMEM, "out of memory");
	s->listen_fd = s->page_fd = s->asked_fd = s->life = s->say = -1;
	err = open_all(s, address, why);
	if (err)
		metrics_server_close(s);
	else
		*out = s;
	return err;
}

void metrics_server_close(struct metrics_server *s)
{
	if (!s)
		return;
	if (s->pid) {
		kill(s->pid, SIGKILL); /* it has nothing that must end in order */
		while (helper_wait(s->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	unix_listen_close(s->socket);
	close_fd(&s->life);
	close_fd(&s->say);
	close_fd(&s->listen_fd);
	close_fd(&s->page_fd);
	close_fd(&s->asked_fd);
	if (s->page)
		munmap(s->page, sizeof(*s->page));
	if (s->asked)
		munmap(s->asked, sizeof(*s->asked));
	free(s);
}

static bool keep(struct metrics_server *s, char why[METRICS_WHY])
{
	bool ended = s->pid && helper_wait(s->pid, NULL, WNOHANG) == s->pid;

	if (ended) {
		s->pid = 0;
		if (said_ready(s, why))
			snprintf(why, METRICS_WHY, "the process that serves metrics has ended");
	}
	if (!s->pid && wait_now() >= s->started_ns + RESTART_NS)
		(void)start(s);
	return ended;
}

static void publish(struct metrics_published *to, const char *text, size_t len)
{
	uint32_t turn = atomic_load_explicit(&to->turn, memory_order_relaxed) + 1;
	struct metrics_slot *slot;

	turn += !turn; /* 0 is none */
	slot = &to->slots[turn % 2];
	slot->made_ns = wait_now();
	slot->len = (uint32_t)len;
	memcpy(slot->text, text, len);
	atomic_store_explicit(&to->turn, turn, memory_order_release);
}

bool metrics_server_publish(struct metrics_server *s, const char *text, size_t len, char why[METRICS_WHY])
{
	publish(&s->page->numbers, text, len);
	return keep(s, why);
}

bool metrics_server_watched(const struct metrics_server *s)
{
	uint64_t at = atomic_load_explicit(&s->asked->at_ns, memory_order_relaxed);

	return s->page->live_on && at && wait_now() - at < WATCHED_NS;
}

void metrics_server_publish_live(struct metrics_server *s, const char *event, size_t len)
{
	publish(&s->page->live, event, len);
}

void metrics_server_count(const struct metrics_server *s, struct metrics_live_counts *ret)
{
	ret->on = s->page->live_on;
	ret->pages = atomic_load_explicit(&s->asked->streams, memory_order_relaxed);
	for (unsigned int i = 0; i < METRICS_REFUSED_MAX; i++)
		ret->refused[i] = atomic_load_explicit(&s->asked->refused[i], memory_order_relaxed);
}
