// SPDX-License-Identifier: GPL-2.0-only
/*
 * A signal ends a run that repeats also while its output takes nothing: a piece is written when poll() says that it finds room.
 *
 * SIGHUP means what it means to trace: an output that has a name is opened again, unless a terminal hung up, which ends the
 * run. Without such an output it ends the run, but for one that ignores it from the start, by nohup.
 */
#include "leaks_out.h"

#include "run.h"
#include "src/host/clock.h"
#include "src/host/terminal.h"
#include "src/io/output_open.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FOREVER UINT64_MAX

static bool has_name(const struct leaks_out *out)
{
	return out->path && strcmp(out->path, "-") != 0;
}

static int take_signals(struct leaks_out *out)
{
	struct sigaction hangup;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaction(SIGHUP, NULL, &hangup);
	if (has_name(out) || hangup.sa_handler != SIG_IGN)
		sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	out->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return out->signal_fd < 0 ? -errno : 0;
}

int leaks_out_open(struct leaks_out *out, const char *path, bool repeats)
{
	*out = (struct leaks_out){.path = path, .fd = STDOUT_FILENO, .signal_fd = -1};
	if (has_name(out))
		out->fd = output_open(path, false, wait_for_reader, NULL);
	if (out->fd < 0)
		return out->fd;
	return repeats ? take_signals(out) : 0;
}

void leaks_out_close(struct leaks_out *out)
{
	if (out->fd > STDOUT_FILENO)
		close(out->fd);
	if (out->signal_fd >= 0)
		close(out->signal_fd);
}

/* Somebody has moved the file away. */
static void reopen(struct leaks_out *out)
{
	struct output_place place;
	int fd = output_open_now(out->path, &place);

	if (fd < 0) {
		warn("output %s cannot be opened again (%s): what follows goes to the old file", out->path, output_error(-fd));
		return;
	}
	if (place.dir >= 0)
		close(place.dir);
	close(out->fd);
	out->fd = fd;
}

static void on_signal(struct leaks_out *out)
{
	struct signalfd_siginfo info;

	while (!out->stopped && read(out->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		out->stopped = info.ssi_signo != SIGHUP || !has_name(out) || terminal_hung_up();
		out->hung_up = true;
	}
}

/* Until the output takes a piece, with `room`; a signal comes; or the time is over. True: it takes one. */
static bool await(struct leaks_out *out, bool room, uint64_t until_ns)
{
	struct pollfd fds[] = {{.fd = room ? out->fd : -1, .events = POLLOUT}, {.fd = out->signal_fd, .events = POLLIN}};
	uint64_t now = clock_now_ns(), ns = until_ns > now ? until_ns - now : 0;
	struct timespec time = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};

	if (ppoll(fds, 2, until_ns == FOREVER ? NULL : &time, NULL) <= 0)
		return false;
	if (fds[1].revents)
		on_signal(out);
	return fds[0].revents && !out->stopped;
}

void leaks_out_flush(struct leaks_out *out)
{
	size_t done = 0, piece;
	struct stat st;
	bool is_file = !fstat(out->fd, &st) && S_ISREG(st.st_mode);
	ssize_t n;

	while (done < out->len && !out->error && !out->stopped) {
		piece = out->len - done;
		if (!is_file && !await(out, true, FOREVER))
			continue;
		n = write(out->fd, out->buf + done, is_file || piece < PIPE_BUF ? piece : PIPE_BUF);
		done += n > 0 ? (size_t)n : 0;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			out->error = errno;
	}
	out->len = 0;
}

void leaks_out_put(struct leaks_out *out, const char *text, size_t len)
{
	size_t piece;

	if (len > sizeof(out->buf) - out->len)
		leaks_out_flush(out);
	for (; len && !out->error && !out->stopped; text += piece, len -= piece) {
		piece = len < sizeof(out->buf) ? len : sizeof(out->buf);
		memcpy(out->buf + out->len, text, piece);
		out->len += piece;
		if (len > piece)
			leaks_out_flush(out);
	}
}

bool leaks_out_wait(struct leaks_out *out, uint64_t until_ns)
{
	do {
		if (out->hung_up && !out->stopped)
			reopen(out); /* between two looks: each is whole in its file */
		out->hung_up = false;
		(void)await(out, false, until_ns);
	} while (!out->stopped && clock_now_ns() < until_ns);
	return !out->stopped;
}
