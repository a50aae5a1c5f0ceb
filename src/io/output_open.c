// SPDX-License-Identifier: GPL-2.0-only
/*
 * Root writes to paths such as /tmp/x.json, where anybody can have put a link to /etc/passwd, or a FIFO. The kernel refuses
 * that if fs.protected_symlinks, protected_regular and protected_fifos are set (fs/namei.c: may_follow_link(),
 * may_create_in_sticky()); it is not on all hosts. So the same rules are followed here, for each component of the path, whose
 * links are read and never followed by the kernel: in a sticky folder that all may write to, a link, a file or a FIFO must be
 * ours or the folder's owner's.
 *
 * The links of /proc are the kernel's own and not texts: what they lead to has been opened before.
 */
#include "output_open.h"
#include "src/host/self.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define LINKS_MAX 40 /* the kernel's MAXSYMLINKS */
#define TRIES_MAX 10 /* of what others change meanwhile */
#define MODE 0640    /* names of processes are not for all users of the host */

enum purpose { APPEND, EMPTY, FIND };

struct walk {
	enum purpose purpose;
	int dir; /* of the component that is next */
	struct stat dir_st;
	bool is_new; /* the file was made */
	bool is_own; /* the name in `dir` is the file's: no link of /proc led to it */
	unsigned int links;
	char rest[2 * PATH_MAX]; /* from that component on */
};

const char *output_error(int error)
{
	switch (error) {
	case OUTPUT_FOREIGN_LINK:
		return "another user's symbolic link leads there, in a folder that all may write to: write to a folder of your "
		       "own";
	case OUTPUT_FOREIGN_FILE:
		return "it is another user's, in a folder that all may write to: remove it, or write to a folder of your own";
	case OUTPUT_LOCKED:
		return "another run writes to it, and one of the two is to rotate it: give each run a file of its own";
	case OUTPUT_NOT_A_FILE:
		return "only a file can be rotated: remove rotate-bytes";
	case OUTPUT_GROUP:
		return "its group cannot be changed to the one asked for: name one that this user is in, or run as root";
	default:
		return self_error(error);
	}
}

bool output_is_foreign(const struct stat *dir, const struct stat *st)
{
	return (dir->st_mode & S_ISVTX) && (dir->st_mode & S_IWOTH) && st->st_uid != dir->st_uid && st->st_uid != geteuid();
}

static int enter(struct walk *w, int dir)
{
	if (dir < 0)
		return -errno;
	if (w->dir >= 0)
		close(w->dir);
	w->dir = dir;
	return fstat(dir, &w->dir_st) ? -errno : 0;
}

/* Takes the first component of w->rest. False if it is the last; "." if none is left. */
static bool next_component(struct walk *w, char name[NAME_MAX + 1], int *ret_err)
{
	size_t skip = strspn(w->rest, "/"), len = strcspn(w->rest + skip, "/"), end = skip + len;
	bool more = w->rest[end];

	*ret_err = len > NAME_MAX ? -ENAMETOOLONG : 0;
	if (*ret_err)
		return false;
	snprintf(name, NAME_MAX + 1, "%.*s", (int)len, len ? w->rest + skip : "");
	memmove(w->rest, w->rest + end, strlen(w->rest + end) + 1);
	if (!len)
		strcpy(name, ".");
	return more;
}

static bool is_in_proc(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && fs.f_type == PROC_SUPER_MAGIC;
}

/* The link `fd` is replaced by its text. */
static int take_link(struct walk *w, int fd, const struct stat *st)
{
	char target[PATH_MAX], rest[sizeof(w->rest)];
	ssize_t len = readlinkat(fd, "", target, sizeof(target) - 1);

	if (output_is_foreign(&w->dir_st, st))
		return -OUTPUT_FOREIGN_LINK;
	if (len <= 0)
		return len ? -errno : -ENOENT;
	if (++w->links > LINKS_MAX)
		return -ELOOP;
	target[len] = '\0';
	memcpy(rest, w->rest, sizeof(rest));
	if ((size_t)snprintf(w->rest, sizeof(w->rest), "%s%s", target, rest) >= sizeof(w->rest))
		return -ENAMETOOLONG;
	return *target == '/' ? enter(w, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)) : 0;
}

/* What `st` is stays as it is between the check and the opening: -EAGAIN if it did not. */
static int open_existing(const struct walk *w, const char *name, const struct stat *st)
{
	bool fresh = w->purpose == EMPTY;
	int flags = O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW | (fresh ? 0 : O_APPEND);
	struct stat now;
	int fd;

	if ((S_ISREG(st->st_mode) || S_ISFIFO(st->st_mode)) && output_is_foreign(&w->dir_st, st))
		return -OUTPUT_FOREIGN_FILE;
	fd = openat(w->dir, name, flags);
	if (fd < 0)
		return errno == ELOOP || errno == ENOENT ? -EAGAIN : -errno;
	if (fstat(fd, &now) || now.st_ino != st->st_ino || now.st_dev != st->st_dev) {
		close(fd);
		return -EAGAIN;
	}
	if (fresh && S_ISREG(now.st_mode) && ftruncate(fd, 0)) {
		close(fd);
		return -errno;
	}
	return fd;
}

static int open_new(struct walk *w, const char *name)
{
	int fd = openat(w->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | (w->purpose == EMPTY ? 0 : O_APPEND), MODE);

	w->is_new = w->is_own = fd >= 0;
	return fd >= 0 ? fd : errno == EEXIST ? -EAGAIN : -errno;
}

/* A link of /proc leads to what is open: the kernel follows it. */
static int open_magic(const struct walk *w, const char *name)
{
	int flags = w->purpose == FIND ? O_PATH : O_WRONLY | O_NONBLOCK | O_NOCTTY | (w->purpose == EMPTY ? O_TRUNC : O_APPEND);
	int fd = openat(w->dir, name, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* -ERESTART: it was a link, and w->rest is what it says. */
static int open_last(struct walk *w, const char *name)
{
	int fd = openat(w->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), result;
	struct stat st;

	if (fd < 0 && errno == ENOENT && w->purpose != FIND)
		return open_new(w, name);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st)) {
		result = -errno;
	} else if (S_ISLNK(st.st_mode)) {
		result = is_in_proc(fd) ? open_magic(w, name) : take_link(w, fd, &st) ?: -ERESTART;
	} else if (w->purpose == FIND) {
		result = output_is_foreign(&w->dir_st, &st) ? -OUTPUT_FOREIGN_FILE : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	} else {
		result = open_existing(w, name, &st);
		w->is_own = result >= 0;
	}
	if (result == -1)
		result = -errno;
	close(fd);
	return result;
}

static int enter_component(struct walk *w, const char *name)
{
	int fd = openat(w->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), err;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISLNK(st.st_mode))
		return enter(w, fd);
	err = is_in_proc(fd) ? enter(w, openat(w->dir, name, O_PATH | O_CLOEXEC)) : take_link(w, fd, &st);
	close(fd);
	return err;
}

static int open_once(const char *path, enum purpose purpose, struct output_place *ret_place)
{
	struct walk w = {.purpose = purpose, .dir = -1};
	char name[NAME_MAX + 1];
	int result;

	if (!*path)
		return -ENOENT;
	if ((size_t)snprintf(w.rest, sizeof(w.rest), "%s", path) >= PATH_MAX)
		return -ENAMETOOLONG;
	result = enter(&w, open(*path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
	while (!result) {
		bool more = next_component(&w, name, &result);

		if (result)
			break;
		result = more ? enter_component(&w, name) : open_last(&w, name);
		if (!more && result == -ERESTART)
			result = 0;
		else if (!more)
			break;
	}
	if (ret_place && result >= 0) {
		*ret_place = (struct output_place){.dir = w.is_own ? w.dir : -1, .is_new = w.is_new};
		strcpy(ret_place->name, name);
		w.dir = w.is_own ? -1 : w.dir;
	}
	if (w.dir >= 0)
		close(w.dir);
	return result;
}

/* Again while others change what lies on the way. */
static int open_path(const char *path, enum purpose purpose, struct output_place *ret_place)
{
	int fd = open_once(path, purpose, ret_place);

	for (int i = 0; fd == -EAGAIN && i < TRIES_MAX; i++)
		fd = open_once(path, purpose, ret_place);
	return fd;
}

static int let_block(int fd)
{
	int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);

	if (flags >= 0)
		(void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	return fd;
}

int output_open_now(const char *path, struct output_place *ret_place)
{
	*ret_place = (struct output_place){.dir = -1};
	return let_block(open_path(path, APPEND, ret_place));
}

int output_find(const char *path)
{
	return open_path(path, FIND, NULL);
}

int output_open_folder(const char *path, char ret_name[NAME_MAX + 1])
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char folder[PATH_MAX + 2], again[32];
	int found, fd;

	if (strlen(path) >= PATH_MAX || strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EISDIR;
	strcpy(ret_name, name);
	snprintf(folder, sizeof(folder), "%.*s.", (int)(name - path), path);
	found = output_find(folder);
	if (found < 0)
		return found;
	snprintf(again, sizeof(again), "/proc/self/fd/%d", found);
	fd = open(again, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = fd < 0 ? -errno : fd;
	close(found);
	return fd;
}

int output_open(const char *path, bool fresh, reader_wait_fn wait, void *ctx)
{
	enum purpose purpose = fresh ? EMPTY : APPEND;
	int fd = open_path(path, purpose, NULL);
	struct stat st;

	/* A FIFO without a reader; of a device or a socket, ENXIO is final. */
	for (bool first = true; fd == -ENXIO && !stat(path, &st) && S_ISFIFO(st.st_mode); first = false) {
		if (!wait(ctx, path, first))
			return -EINTR;
		fd = open_once(path, purpose, NULL);
	}
	return let_block(fd);
}

/* "-" is `standard`, a descriptor. */
static bool look(const char *path, int standard, struct stat *ret)
{
	return !(strcmp(path, "-") ? stat(path, ret) : fstat(standard, ret)) &&
	       (S_ISREG(ret->st_mode) || S_ISFIFO(ret->st_mode));
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool output_same(const char *a, const char *b)
{
	struct stat sa, sb;

	a = a ? a : "-";
	b = b ? b : "-";
	return !strcmp(a, b) || (look(a, STDOUT_FILENO, &sa) && look(b, STDOUT_FILENO, &sb) && same_file(&sa, &sb));
}

bool output_is_input(const char *output, const char *input)
{
	struct stat out, in;

	if (strcmp(output, "-") != 0 && !strcmp(output, input))
		return true;
	return look(output, STDOUT_FILENO, &out) && look(input, STDIN_FILENO, &in) && same_file(&out, &in);
}
