// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who takes a name, or takes over one, locks the folder meanwhile: between the question whether anybody listens there and our
 * listen() no other run comes. All is done in the folder that was found first, whatever becomes of its name.
 *
 * A thread of its own removes the name at the end. It keeps the capability for the folder of another user, which the thread
 * that calls unix_listen_close() has given up by then.
 */
#include "unix_listen.h"

#include "output_open.h"
#include "src/host/confine.h"
#include "src/host/group.h"
#include "src/host/thread.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64
#define LOCK_TRIES 100 /* of 10 ms */
#define WITHOUT 0117   /* the umask that leaves mode 0660 */

struct unix_listen {
	int dir, fd, end_fd;
	bool named, started;
	struct stat dir_st, st; /* of the name that we made */
	pthread_t remover;
	char name[UNIX_LISTEN_NAME_MAX + 1];
};

/* A path to what is in a folder that is open. */
static void set_address(struct sockaddr_un *address, int dir, const char *name)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%.*s", dir, UNIX_LISTEN_NAME_MAX, name);
}

bool unix_listen_fits(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strlen(path) <= UNIX_LISTEN_PATH_MAX && strlen(slash ? slash + 1 : path) <= UNIX_LISTEN_NAME_MAX;
}

static int open_dir(struct unix_listen *l, const char *path)
{
	char name[NAME_MAX + 1];

	if (!unix_listen_fits(path))
		return -ENAMETOOLONG;
	l->dir = output_open_folder(path, name);
	if (l->dir < 0)
		return l->dir;
	strcpy(l->name, name);
	return fstat(l->dir, &l->dir_st) ? -errno : 0;
}

/* Anybody who may read the folder can lock it, so nobody waits for long. */
static int lock_dir(const struct unix_listen *l)
{
	for (int i = 0; flock(l->dir, LOCK_EX | LOCK_NB); i++) {
		if (errno != EWOULDBLOCK || i == LOCK_TRIES)
			return -errno;
		usleep(10000);
	}
	return 0;
}

/* True: somebody listens on the socket that the name leads to, or cannot be asked. */
static bool is_alive(const struct unix_listen *l)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address;
	bool refused;

	set_address(&address, l->dir, l->name);
	refused = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) && errno == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	return !refused;
}

/* What a run that was killed has left: a socket of ours, of root's or of the folder's owner. */
static int remove_stale(const struct unix_listen *l)
{
	struct stat st;

	if (fstatat(l->dir, l->name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode) || (st.st_uid != geteuid() && st.st_uid && st.st_uid != l->dir_st.st_uid))
		return -EEXIST;
	if (is_alive(l))
		return -EADDRINUSE;
	return unlinkat(l->dir, l->name, 0) && errno != ENOENT ? -errno : 0;
}

static int set_group(const struct unix_listen *l, gid_t group)
{
	int found = openat(l->dir, l->name, O_PATH | O_NOFOLLOW | O_CLOEXEC), err = 0;
	struct stat st;

	if (found < 0)
		return -errno;
	if (fstat(found, &st) || st.st_ino != l->st.st_ino || !S_ISSOCK(st.st_mode))
		err = -EEXIST;
	else if (st.st_gid != group && fchownat(found, "", (uid_t)-1, group, AT_EMPTY_PATH))
		err = errno == EPERM ? -OUTPUT_GROUP : -errno;
	close(found);
	return err;
}

static int take_name(struct unix_listen *l, gid_t group)
{
	struct sockaddr_un address;
	mode_t mask;
	int err;

	set_address(&address, l->dir, l->name);
	mask = umask(WITHOUT);
	err = bind(l->fd, (struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
	umask(mask);
	if (err)
		return err;
	if (fstatat(l->dir, l->name, &l->st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	l->named = true;
	err = group == GROUP_NONE ? 0 : set_group(l, group);
	return err ?: (listen(l->fd, BACKLOG) ? -errno : 0);
}

static void remove_name(const struct unix_listen *l)
{
	struct stat st;

	if (l->named && !fstatat(l->dir, l->name, &st, AT_SYMLINK_NOFOLLOW) && st.st_ino == l->st.st_ino &&
	    st.st_dev == l->st.st_dev)
		unlinkat(l->dir, l->name, 0);
}

static void *wait_and_remove(void *arg)
{
	static const unsigned int keep[] = {CAP_DAC_OVERRIDE, CAP_FOWNER};
	const struct unix_listen *l = arg;
	struct pollfd end = {.fd = l->end_fd, .events = POLLIN};

	confine_thread(keep, sizeof(keep) / sizeof(keep[0]));
	while (wait_poll(&end, 1, WAIT_FOREVER) <= 0)
		;
	remove_name(l);
	return NULL;
}

static int start_remover(struct unix_listen *l)
{
	int err;

	l->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->end_fd < 0)
		return -errno;
	err = thread_start(&l->remover, wait_and_remove, l);
	l->started = !err;
	return err;
}

static int open_all(struct unix_listen *l, const char *path, gid_t group)
{
	int err = open_dir(l, path);

	if (err)
		return err;
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return -errno;
	err = lock_dir(l) ?: remove_stale(l) ?: take_name(l, group);
	flock(l->dir, LOCK_UN);
	return err ?: start_remover(l);
}

int unix_listen_open(struct unix_listen **out, const char *path, gid_t group)
{
	struct unix_listen *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return -ENOMEM;
	l->dir = l->fd = l->end_fd = -1;
	err = open_all(l, path, group);
	if (err)
		unix_listen_close(l);
	else
		*out = l;
	return err;
}

void unix_listen_close(struct unix_listen *l)
{
	if (!l)
		return;
	if (l->started) {
		wait_signal(l->end_fd);
		pthread_join(l->remover, NULL);
	} else {
		remove_name(l);
	}
	if (l->fd >= 0)
		close(l->fd);
	if (l->end_fd >= 0)
		close(l->end_fd);
	if (l->dir >= 0)
		close(l->dir);
	free(l);
}

int unix_listen_fd(const struct unix_listen *l)
{
	return l->fd;
}
