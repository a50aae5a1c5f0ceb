// SPDX-License-Identifier: GPL-2.0-only
#include "admin.h"

#include "admin_protocol.h"
#include "clock.h"
#include "confine.h"
#include "fd_message.h"
#include "helper.h"
#include "usage.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_S 2
#define LATE_NS 10000000000ull /* a busy host may keep it from answering for a while */
#define END_MS 200             /* after its socket a process that ends closes more */

struct admin {
	pthread_mutex_t mutex;
	int socket;       /* -1: it has ended */
	uint64_t late_ns; /* when the question was asked that has no answer yet; 0: all have */
	pid_t pid;
};

static int open_socket(int pair[2])
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	if (setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)))
		return -errno;
	return 0;
}

int admin_start(struct admin **out)
{
	struct admin *admin;
	int pair[2] = {-1, -1}, err;

	if (confine_begin() || !confine_can(CAP_SYS_ADMIN))
		return -EPERM;
	admin = calloc(1, sizeof(*admin));
	if (!admin)
		return -ENOMEM;
	err = open_socket(pair) ?: helper_start(HELPER_ADMIN, &pair[1], &admin->pid);
	err = err == -EPERM ? -EACCES : err; /* the right is there, and something else refuses the process */
	if (pair[1] >= 0)
		close(pair[1]);
	if (err) {
		if (pair[0] >= 0)
			close(pair[0]);
		free(admin);
		return err;
	}
	pthread_mutex_init(&admin->mutex, NULL);
	admin->socket = pair[0];
	*out = admin;
	return 0;
}

void admin_start_why(int err, char why[ADMIN_WHY])
{
	const char *text = err == -EAGAIN ? "too many processes: TasksMax=, ulimit -u" : strerror(-err);

	snprintf(why, ADMIN_WHY, "its process cannot be started: %.46s", text);
}

/* Waits a little for its end; the status, or -1 if it goes on. */
static int reap(struct admin *admin)
{
	const struct timespec ms = {.tv_nsec = 1000000};
	int status = -1;

	for (int i = 0; admin->pid && i < END_MS; i++) {
		pid_t ended = helper_wait(admin->pid, &status, WNOHANG);

		if (ended) {
			admin->pid = 0;
			return ended > 0 ? status : -1;
		}
		nanosleep(&ms, NULL);
	}
	return -1;
}

static void close_socket(struct admin *admin)
{
	pthread_mutex_lock(&admin->mutex);
	if (admin->socket >= 0)
		close(admin->socket);
	admin->socket = -1;
	pthread_mutex_unlock(&admin->mutex);
}

void admin_stop(struct admin *admin)
{
	if (!admin)
		return;
	close_socket(admin);
	reap(admin);
	pthread_mutex_destroy(&admin->mutex);
	free(admin);
}

/* An answer that came too late is thrown away; until it comes nothing else is asked, and nobody waits again. */
static int settle(struct admin *admin)
{
	struct admin_answer answer;
	struct fd_list fds;
	long len;

	if (!admin->late_ns)
		return 0;
	len = fd_message_receive(admin->socket, &answer, sizeof(answer), &fds, MSG_DONTWAIT);
	fd_list_close(&fds);
	if (len > 0)
		admin->late_ns = 0;
	return len > 0 ? 0 : len < 0 ? (int)len : -EPIPE;
}

static int receive(struct admin *admin, struct admin_answer *answer, struct fd_list *ret)
{
	uint64_t asked_ns = clock_now_ns();
	long len;

	do {
		len = fd_message_receive(admin->socket, answer, sizeof(*answer), ret, 0);
	} while (len == -EINTR);
	if (len == sizeof(*answer))
		return answer->error;
	if (len == -EAGAIN)
		admin->late_ns = asked_ns;
	return len == -EAGAIN ? -EAGAIN : -EPIPE;
}

static int ask(struct admin *admin, const struct admin_request *request, const struct fd_list *with,
	       struct admin_answer *ret_answer, struct fd_list *ret)
{
	int err;

	ret->n = 0;
	pthread_mutex_lock(&admin->mutex);
	err = admin->socket < 0 ? -EPIPE : settle(admin);
	err = err ?: fd_message_send(admin->socket, request, sizeof(*request), with, 0);
	err = err ?: receive(admin, ret_answer, ret);
	pthread_mutex_unlock(&admin->mutex);
	if (err)
		fd_list_close(ret);
	return err;
}

int admin_open_files(struct admin *admin, int netns, uint32_t wanted, int link, struct netns_files *ret_files)
{
	const struct admin_request request = {.kind = ADMIN_FILES, .wanted = wanted};
	const struct fd_list with = {wanted & 1u << NETNS_ITERATOR ? 2 : 1, {netns, link}};
	struct admin_answer answer;
	struct fd_list fds;
	size_t at = 0;
	int err = admin ? ask(admin, &request, &with, &answer, &fds) : -EPERM;

	netns_files_none(ret_files);
	for (size_t i = 0; i < NETNS_FILES && !err; i++)
		ret_files->fds[i] = answer.files[i] ? answer.files[i] : at < fds.n ? fds.fds[at++] : -EMFILE;
	return err;
}

int admin_netns_of(struct admin *admin, int socket)
{
	const struct admin_request request = {.kind = ADMIN_NETNS_OF};
	const struct fd_list with = {1, {socket}};
	struct admin_answer answer;
	struct fd_list fds;
	int err = admin ? ask(admin, &request, &with, &answer, &fds) : -EPERM;

	return err ? err : fds.n ? fds.fds[0] : -EMFILE;
}

bool admin_is_delegated(struct admin *admin, int dir)
{
	const struct admin_request request = {.kind = ADMIN_DELEGATED};
	const struct fd_list with = {1, {dir}};
	struct admin_answer answer;
	struct fd_list fds;

	return admin && !ask(admin, &request, &with, &answer, &fds);
}

int admin_fd(const struct admin *admin)
{
	return admin ? admin->socket : -1;
}

uint64_t admin_cpu_ns(const struct admin *admin)
{
	return admin && admin->pid ? usage_cpu_ns(admin->pid) : 0;
}

uint64_t admin_late_ns(const struct admin *admin)
{
	return admin ? admin->late_ns : 0;
}

/* An answer that came late is no end: it is taken first. */
bool admin_has_ended(struct admin *admin)
{
	struct pollfd look = {.fd = admin_fd(admin)};

	if (look.fd < 0)
		return false;
	pthread_mutex_lock(&admin->mutex);
	settle(admin);
	pthread_mutex_unlock(&admin->mutex);
	return poll(&look, 1, 0) > 0 || (admin->late_ns && clock_now_ns() > admin->late_ns + LATE_NS);
}

void admin_take_end(struct admin *admin, char why[ADMIN_WHY])
{
	int status;

	close_socket(admin);
	status = reap(admin);
	if (admin->late_ns && status == -1)
		snprintf(why, ADMIN_WHY, "its process does not answer");
	else if (status != -1 && WIFSIGNALED(status))
		snprintf(why, ADMIN_WHY, "its process was ended by signal %d", WTERMSIG(status));
	else if (status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == HELPER_NO_SANDBOX)
		snprintf(why, ADMIN_WHY, "its process could not be confined");
	else
		snprintf(why, ADMIN_WHY, "its process has ended");
}
