// SPDX-License-Identifier: GPL-2.0-only
#include "service.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TEXT_MAX 1024
#define US 1000ull

/* "/run/systemd/notify", or "@name" for a socket without a file. -1: it is neither, or nobody listens. */
static int open_socket(const char *name)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t len = strlen(name);
	int fd;

	if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof(addr.sun_path))
		return -1;
	memcpy(addr.sun_path, name, len);
	if (name[0] == '@')
		addr.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* The time is for the process that WATCHDOG_PID names; a program that stands between may have passed it on. */
static uint64_t watchdog_ns(const char *usec, const char *pid)
{
	char *end;
	unsigned long long us;

	if (!usec || (pid && strtoul(pid, NULL, 10) != (unsigned long)getpid()))
		return 0;
	errno = 0;
	us = strtoull(usec, &end, 10);
	return errno || *end || end == usec || us > UINT64_MAX / US ? 0 : us * US;
}

void service_open(struct service *service)
{
	const char *name = getenv("NOTIFY_SOCKET");

	service->fd = name ? open_socket(name) : -1;
	service->watchdog_ns = service->fd >= 0 ? watchdog_ns(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID")) : 0;
}

void service_close(struct service *service)
{
	if (service->fd >= 0)
		close(service->fd);
	service->fd = -1;
}

void service_say(const struct service *service, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list args;
	int len;

	if (service->fd < 0)
		return;
	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len > 0)
		send(service->fd, text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1,
		     MSG_NOSIGNAL | MSG_DONTWAIT);
}

void service_say_reloading(const struct service *service, uint64_t now_ns)
{
	service_say(service, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)(now_ns / US));
}
