// SPDX-License-Identifier: GPL-2.0-only
#include "relay_process.h"

#include "relay_files.h"
#include "wait.h"
#include "write_all.h"
#include "src/host/helper.h"
#include "src/host/memory_file.h"
#include "src/host/shared_page.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define ADDRESS_MAX 4096

static uint32_t text_len(const char *text, size_t len)
{
	return text ? (uint32_t)len + 1 : 0;
}

/* Secrets go through memory that nobody can change, never through argv or the environment. */
static int make_orders(const struct relay_config *c, const struct relay_text *secrets, const struct relay_text *ca)
{
	struct relay_orders orders = {
		.kind = c->kind,
		.tls = c->tls,
		.spool_bytes = c->spool ? c->spool_bytes : 0,
		.address_len = text_len(c->address, strlen(c->address)),
		.secrets_len = text_len(secrets->text, secrets->len),
		.ca_len = text_len(ca->text, ca->len),
	};
	int fd = memory_file("relay", MFD_ALLOW_SEALING), err;

	if (fd < 0)
		return -errno;
	err = getrandom(&orders.run, sizeof(orders.run), 0) == (ssize_t)sizeof(orders.run) ? 0 : -EIO;
	orders.run |= 1; /* not 0 */
	err = err ?: write_all(fd, &orders, sizeof(orders));
	err = err ?: write_all(fd, c->address, orders.address_len);
	err = err ?: write_all(fd, secrets->text, orders.secrets_len);
	err = err ?: write_all(fd, ca->text, orders.ca_len);
	if (!err && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

static int open_orders(struct relay_process *p, const struct relay_config *c, char *why, size_t why_size)
{
	struct relay_text secrets = {0}, ca = {0};
	int err = 0;

	if (c->secrets)
		err = relay_file_read(&secrets, c->secrets, true, why, why_size);
	if (!err && c->ca)
		err = relay_file_read(&ca, c->ca, false, why, why_size);
	if (!err) {
		p->orders_fd = err = make_orders(c, &secrets, &ca);
		if (err < 0)
			snprintf(why, why_size, "no memory for what a relay needs: %s", strerror(-err));
	}
	relay_text_free(&secrets);
	relay_text_free(&ca);
	return err < 0 ? err : 0;
}

int relay_process_open(struct relay_process *p, const struct relay_config *c, char *why, size_t why_size)
{
	int err;

	*p = (struct relay_process){.lines = -1, .say = -1, .page_fd = -1, .orders_fd = -1, .spool_fd = -1};
	if (c->spool && c->spool_bytes < RELAY_SPOOL_MIN) {
		snprintf(why, why_size, "a spool of %llu bytes is too small: at least %u", (unsigned long long)c->spool_bytes,
			 RELAY_SPOOL_MIN);
		return -EINVAL;
	}
	if (strlen(c->address) > ADDRESS_MAX) {
		snprintf(why, why_size, "the address has more than %d bytes", ADDRESS_MAX);
		return -EINVAL;
	}
	err = open_orders(p, c, why, why_size);
	if (err)
		return err;
	p->spool_fd = c->spool ? relay_spool_dir(c->spool, why, why_size) : open("/dev/null", O_RDWR | O_CLOEXEC);
	if (p->spool_fd < 0) {
		err = c->spool ? p->spool_fd : -errno;
		if (!c->spool)
			snprintf(why, why_size, "/dev/null: %s", strerror(-err));
		return err;
	}
	p->page_fd = shared_page_new("relay counts", sizeof(*p->page), SHARED_PAGE_ALL, (void **)&p->page);
	if (p->page_fd < 0)
		snprintf(why, why_size, "no memory for a relay's counts: %s", strerror(-p->page_fd));
	return p->page_fd < 0 ? p->page_fd : 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void relay_process_close(struct relay_process *p)
{
	close_fd(&p->lines);
	close_fd(&p->say);
	close_fd(&p->page_fd);
	close_fd(&p->orders_fd);
	close_fd(&p->spool_fd);
	if (p->page)
		munmap(p->page, sizeof(*p->page));
	p->page = NULL;
}

int relay_process_start(struct relay_process *p, int pipe_size)
{
	int lines[2], say[2], err;

	if (pipe2(lines, O_CLOEXEC))
		return -errno;
	if (pipe2(say, O_CLOEXEC)) {
		err = -errno;
		close(lines[0]);
		close(lines[1]);
		return err;
	}
	(void)fcntl(lines[1], F_SETPIPE_SZ, pipe_size); /* the default one does, too */
	const int fds[RELAY_FDS] = {
		[RELAY_FD_LINES] = lines[0],    [RELAY_FD_PAGE] = p->page_fd, [RELAY_FD_ORDERS] = p->orders_fd,
		[RELAY_FD_SPOOL] = p->spool_fd, [RELAY_FD_SAY] = say[1],
	};
	err = fcntl(lines[1], F_SETFL, O_NONBLOCK) ? -errno : helper_start(HELPER_RELAY, fds, &p->pid);
	close(lines[0]);
	close(say[1]);
	close_fd(&p->lines); /* the one before: until now poll() said that it is broken */
	p->lines = lines[1];
	p->say = say[0];
	if (!err)
		return 0;
	p->pid = 0;
	close_fd(&p->say);
	return err;
}

int relay_process_ready(struct relay_process *p, int timeout_ms, char *why, size_t why_size)
{
	struct pollfd fd = {.fd = p->say, .events = POLLIN};
	char said[RELAY_ERROR_MAX] = "";
	ssize_t n;

	if (why_size)
		*why = '\0';
	if (poll(&fd, 1, timeout_ms) <= 0)
		return -EAGAIN;
	n = read(p->say, said, sizeof(said) - 1);
	if (n == (ssize_t)strlen(RELAY_READY) && !memcmp(said, RELAY_READY, (size_t)n))
		return 0;
	snprintf(why, why_size, "%s", n > 0 ? said : "the process for network outputs ended at its start");
	return -ECONNABORTED;
}

void relay_process_end(struct relay_process *p)
{
	if (!p->pid)
		return;
	kill(p->pid, SIGKILL);
	while (helper_wait(p->pid, NULL, 0) < 0 && errno == EINTR)
		;
	p->pid = 0;
	close_fd(&p->say);
}

void relay_process_finish(struct relay_process *p, uint64_t since_ns)
{
	struct pollfd fd = {.fd = p->say};
	const uint64_t until = since_ns + (RELAY_END_MS + 50) * UINT64_C(1000000);

	close_fd(&p->lines);
	/* The pipe from it breaks when it has ended. */
	while (wait_poll(&fd, 1, until) < 0 && errno == EINTR)
		;
	relay_process_end(p);
}
