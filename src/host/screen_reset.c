// SPDX-License-Identifier: GPL-2.0-only
/*
 * The handler calls write(), tcflush(), tcgetpgrp(), getpgrp(), tcsetattr(), poll(), dup2(), read(), close() and raise(), which
 * signal-safety(7) lists, and reads what was made before it was installed. It runs on a stack of its own: an overflow of the
 * program's is a crash, too.
 */
#include "screen_reset.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define TEXT_MAX 256
#define STACK_BYTES 16384

/* A handler finds it nowhere else. */
static struct {
	int fd;
	int messages, real_stderr; /* valid if both are not 0 */
	bool mode_known;
	bool stops; /* by Ctrl-Z */
	volatile sig_atomic_t stop_asked;
	struct termios mode;
	size_t len;
	char text[TEXT_MAX];
	char stack[STACK_BYTES];
} saved;

/* All that end a program by default, but for SIGKILL, and SIGINT, SIGTERM and SIGHUP, which end it in order. */
static const int deadly[] = {
	SIGQUIT, SIGILL,  SIGTRAP, SIGABRT, SIGBUS,    SIGFPE,  SIGSEGV, SIGSYS,    SIGXCPU,
	SIGXFSZ, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGPOLL, SIGSTKFLT, SIGPWR,
};
#define DEADLY (sizeof(deadly) / sizeof(deadly[0]))

/* Messages would be written over the screen: they wait in a pipe, and what it has no room for is lost. */
static void hold_messages(void)
{
	int ends[2];

	if (!isatty(STDERR_FILENO) || pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return;
	saved.real_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	if (saved.real_stderr > 0 && dup2(ends[1], STDERR_FILENO) == STDERR_FILENO)
		saved.messages = ends[0];
	else
		close(ends[0]);
	close(ends[1]);
}

/* Who does not read the terminal would make the program wait. */
static bool is_read(int fd)
{
	struct pollfd waits = {.fd = fd, .events = POLLOUT};

	return poll(&waits, 1, 0) == 1 && waits.revents & POLLOUT;
}

/* And are said now. */
static void release_messages(void)
{
	char text[512];
	ssize_t len;

	if (!saved.messages || dup2(saved.real_stderr, STDERR_FILENO) < 0)
		return;
	while (is_read(STDERR_FILENO) && (len = read(saved.messages, text, sizeof(text))) > 0)
		len = write(STDERR_FILENO, text, (size_t)len);
	close(saved.messages);
	close(saved.real_stderr);
	saved.messages = 0;
}

bool screen_is_ours(void)
{
	pid_t front = tcgetpgrp(saved.fd);

	return front < 0 || front == getpgrp();
}

void screen_reset_mode(void)
{
	if (saved.mode_known && screen_is_ours())
		tcsetattr(saved.fd, TCSANOW, &saved.mode);
}

/* The rest of a picture that the terminal does not take makes room. */
void screen_reset_text(void)
{
	if (write(saved.fd, saved.text, saved.len) == (ssize_t)saved.len)
		return;
	tcflush(saved.fd, TCOFLUSH);
	if (write(saved.fd, saved.text, saved.len) < 0)
		return; /* it is stopped for good, or gone: nobody sees it */
}

/* A signal that comes while this one is handled is held back until raise() has its effect, with the handler's end. */
static void reset(int number)
{
	screen_reset_text();
	screen_reset_mode();
	release_messages();
	raise(number); /* by default now: SA_RESETHAND */
}

void screen_reset_remember(int fd)
{
	saved.mode_known = !tcgetattr(fd, &saved.mode);
}

/* Without the delays that terminfo may ask for: "$<5>". */
static void append(const char *text)
{
	while (text && *text && saved.len < TEXT_MAX) {
		const char *end = !strncmp(text, "$<", 2) ? strchr(text, '>') : NULL;

		if (end)
			text = end + 1;
		else
			saved.text[saved.len++] = *text++;
	}
}

static void set_handlers(void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESETHAND | SA_ONSTACK}, before;

	sigfillset(&action.sa_mask);
	for (size_t i = 0; i < DEADLY; i++)
		if (!sigaction(deadly[i], NULL, &before) && before.sa_handler != SIG_IGN)
			sigaction(deadly[i], &action, NULL);
}

void screen_reset_arm(int fd, const char *const *texts, size_t len)
{
	const stack_t stack = {.ss_sp = saved.stack, .ss_size = sizeof(saved.stack)};

	saved.fd = fd;
	saved.len = 0;
	for (size_t i = 0; i < len; i++)
		append(texts[i]);
	sigaltstack(&stack, NULL);
	hold_messages();
	set_handlers(reset);
}

void screen_reset_disarm(void)
{
	const stack_t none = {.ss_flags = SS_DISABLE};

	set_handlers(SIG_DFL);
	sigaltstack(&none, NULL);
	release_messages();
}

/* Any thread may be interrupted, and one thread alone draws. */
static void ask_to_stop(int number)
{
	(void)number;
	saved.stop_asked = true;
}

static void handle_stop(void (*handler)(int))
{
	const struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

	if (saved.stops)
		sigaction(SIGTSTP, &action, NULL);
}

void screen_stop_catch(void)
{
	struct sigaction before;

	saved.stops = !sigaction(SIGTSTP, NULL, &before) && before.sa_handler == SIG_DFL;
	handle_stop(ask_to_stop);
}

void screen_stop_release(void)
{
	handle_stop(SIG_DFL);
}

bool screen_stop_asked(void)
{
	bool asked = saved.stop_asked;

	saved.stop_asked = false;
	return asked;
}

void screen_stop(void)
{
	screen_stop_release();
	kill(getpid(), SIGTSTP);
	handle_stop(ask_to_stop);
}
