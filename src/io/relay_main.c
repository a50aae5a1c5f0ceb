// SPDX-License-Identifier: GPL-2.0-only
/* How a program becomes a relay: it reads its orders, gives up what it can, loads its library, and says that it is ready. */
#include "relay_main.h"

#include "kafka.h"
#include "relay_loop.h"
#include "relay_page.h"
#include "relay_sandbox.h"
#include "src/host/helper.h"
#include "src/host/shared_page.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifdef WITH_OTLP
#include "otlp.h"
#endif

#define ORDERS_MAX (4u << 20)

const char relay_kinds[] =
#if defined(WITH_KAFKA) && defined(WITH_OTLP)
	"kafka, otlp";
#elif defined(WITH_KAFKA)
	"kafka";
#elif defined(WITH_OTLP)
	"otlp";
#else
	"";
#endif

static const transport_open_fn transports[RELAY_KINDS] = {
#ifdef WITH_KAFKA
	[RELAY_KAFKA] = kafka_open,
#endif
#ifdef WITH_OTLP
	[RELAY_OTLP] = otlp_open,
#endif
};

__attribute__((format(printf, 2, 3), noreturn)) static void refuse(int say, const char *format, ...)
{
	char text[RELAY_ERROR_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)!write(say, text, strlen(text));
	_exit(HELPER_REFUSED);
}

/* The next string of the orders. */
static bool take_text(const char **at, const char *end, uint32_t len, const char **ret_text)
{
	*ret_text = len ? *at : NULL;
	if (len > (size_t)(end - *at) || (len && (*at)[len - 1]))
		return false;
	*at += len;
	return true;
}

/* Reads a copy, which stays: a transport may keep the strings. */
static bool read_orders(int fd, struct relay_orders *orders, struct transport_config *config)
{
	struct stat st;
	char *copy;
	const char *at, *end;

	if (fstat(fd, &st) || st.st_size < (off_t)sizeof(*orders) || st.st_size > (off_t)ORDERS_MAX)
		return false;
	copy = malloc((size_t)st.st_size);
	if (!copy || pread(fd, copy, (size_t)st.st_size, 0) != (ssize_t)st.st_size)
		return false;
	memcpy(orders, copy, sizeof(*orders));
	at = copy + sizeof(*orders);
	end = copy + st.st_size;
	config->tls = orders->tls;
	config->patient = orders->spool_bytes != 0;
	return orders->kind < RELAY_KINDS && take_text(&at, end, orders->address_len, &config->address) && config->address &&
	       take_text(&at, end, orders->secrets_len, &config->secrets) && take_text(&at, end, orders->ca_len, &config->ca);
}

/*
 * When the lines end, because the tracer closed them or is no more, the relay ends soon, whatever its library does. The signal
 * of a parent's death would come with the end of the thread that started it.
 */
static void *watch(void *arg)
{
	struct pollfd fd = {.fd = *(const int *)arg};
	struct timespec left = {.tv_sec = RELAY_END_MS / 1000, .tv_nsec = RELAY_END_MS % 1000 * 1000000l};

	while (poll(&fd, 1, -1) <= 0)
		;
	while (nanosleep(&left, &left) && errno == EINTR)
		;
	_exit(0);
}

static void open_spool(struct relay_loop *loop, const struct relay_orders *orders, int dir, int say)
{
	int err = spool_open(&loop->spool, dir, orders->spool_bytes, orders->run);

	if (err == -E2BIG)
		refuse(say, "the spool has too many files");
	if (err)
		refuse(say, "the spool cannot be used: %s", strerror(-err));
}

void relay_run(int first_fd)
{
	const int say = first_fd + RELAY_FD_SAY, dir = first_fd + RELAY_FD_SPOOL;
	struct relay_loop *loop = calloc(1, sizeof(*loop));
	struct transport_config config = {0};
	struct relay_orders orders;
	char why[RELAY_ERROR_MAX] = "";
	pthread_t watcher;
	int err;

	if (!loop || !read_orders(first_fd + RELAY_FD_ORDERS, &orders, &config))
		refuse(say, "the process for network outputs cannot read its orders");
	loop->lines_fd = first_fd + RELAY_FD_LINES;
	loop->page = shared_page_map(first_fd + RELAY_FD_PAGE, sizeof(*loop->page), 1);
	if (!loop->page)
		refuse(say, "the process for network outputs cannot map its counts");
	close(first_fd + RELAY_FD_PAGE);
	close(first_fd + RELAY_FD_ORDERS);
	if (!transports[orders.kind])
		refuse(say, "this build has no %s output: it has %s", orders.kind == RELAY_KAFKA ? "Kafka" : "OTLP",
		       *relay_kinds ? relay_kinds : "no output over the network");
	err = relay_sandbox_enter(config.patient ? dir : -1);
	if (err)
		refuse(say, "the process for network outputs cannot be confined: %s", strerror(-err));
	if (pthread_create(&watcher, NULL, watch, &loop->lines_fd))
		refuse(say, "the process for network outputs has no memory");
	if (config.patient)
		open_spool(loop, &orders, dir, say);
	config.outcome = relay_loop_outcome(loop);
	if (transports[orders.kind](&loop->transport, &config, why, sizeof(why)))
		refuse(say, "%s", why);
	relay_loop_start(loop);
	(void)!write(say, RELAY_READY, strlen(RELAY_READY));
	relay_loop_run(loop);
	_exit(0); /* without a library's handlers */
}
