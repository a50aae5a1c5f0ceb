/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Datagrams to the service manager's $NOTIFY_SOCKET (sd_notify(3)), without its library: states, a line for people, and a sign
 * of life. Without a service manager nothing is sent.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct service {
	int fd;               /* -1: nobody listens */
	uint64_t watchdog_ns; /* it wants a sign of life within this time; 0: it does not */
};

/* As the environment says. Helper processes have none, so that none of them speaks for the tool. */
void service_open(struct service *service);
void service_close(struct service *service);

/* One datagram of lines such as "READY=1". One that cannot be sent is dropped. */
void service_say(const struct service *service, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* RELOADING=1, with the time that Type=notify-reload asks for. */
void service_say_reloading(const struct service *service, uint64_t now_ns);
