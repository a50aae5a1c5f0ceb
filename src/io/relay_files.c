// SPDX-License-Identifier: GPL-2.0-only
#include "relay_files.h"

#include "src/host/confine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TEXT_MAX (1u << 20)
#define LOCK_TRIES 20 /* a run that was killed leaves a relay for so many tenths of a second */
#define LOCK_PAUSE_NS 100000000
#define SPOOL_UIDS (CONFINE_UID + (1u << 23)) /* above those that are made from a pid */
#define SPOOL_UIDS_MASK ((1u << 27) - 1)

__attribute__((format(printf, 4, 5))) static int refuse(int err, char *why, size_t why_size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, why_size, format, args);
	va_end(args);
	return -err;
}

/* systemd gives a unit's credentials by files that its own access list may open to a group. */
static bool is_credential(int fd)
{
	const char *env = getenv("CREDENTIALS_DIRECTORY");
	char link[64], path[PATH_MAX], *folder = env && *env == '/' ? realpath(env, NULL) : NULL;
	size_t len = folder ? strlen(folder) : 0;
	bool inside;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = folder ? readlink(link, path, sizeof(path) - 1) : -1;
	path[n > 0 ? n : 0] = '\0';
	inside = n > 0 && len > 1 && !strncmp(path, folder, len) && path[len] == '/';
	free(folder);
	return inside;
}

static int check_secret(int fd, const struct stat *st, const char *path, char *why, size_t why_size)
{
	if (is_credential(fd))
		return 0;
	if (st->st_mode & 077)
		return refuse(EPERM, why, why_size, "%s has mode %04o, so others can read its secrets: chmod 600 %s", path,
			      st->st_mode & 07777, path);
	if (st->st_uid && st->st_uid != geteuid())
		return refuse(EPERM, why, why_size, "%s belongs to user %u, who can read its secrets: chown it to %s", path,
			      st->st_uid, geteuid() ? "the user that runs this" : "root");
	return 0;
}

static int read_all(int fd, struct relay_text *text, size_t size)
{
	ssize_t n;

	text->text = calloc(1, size + 2); /* one byte more than the file has: it grew meanwhile */
	if (!text->text)
		return -ENOMEM;
	while (text->len <= size && (n = read(fd, text->text + text->len, size + 1 - text->len)) != 0) {
		if (n < 0)
			return -errno;
		text->len += (size_t)n;
	}
	return text->len > size ? -EAGAIN : memchr(text->text, '\0', text->len) ? -EILSEQ : 0;
}

int relay_file_read(struct relay_text *ret_text, const char *path, bool secret, char *why, size_t why_size)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), err = 0;
	struct stat st;

	*ret_text = (struct relay_text){0};
	if (fd < 0 || fstat(fd, &st)) {
		err = errno;
		if (fd >= 0)
			close(fd);
		return refuse(err, why, why_size, "%s: %s", path, strerror(err));
	}
	if (!S_ISREG(st.st_mode))
		err = refuse(EINVAL, why, why_size, "%s is not a regular file", path);
	else if (st.st_size > (off_t)TEXT_MAX)
		err = refuse(EFBIG, why, why_size, "%s has %lld bytes, more than %u", path, (long long)st.st_size, TEXT_MAX);
	else if (secret)
		err = check_secret(fd, &st, path, why, why_size);
	if (!err) {
		err = read_all(fd, ret_text, (size_t)st.st_size);
		if (err)
			refuse(-err, why, why_size, "%s: %s", path, err == -EILSEQ ? "it has a NUL byte" : strerror(-err));
	}
	close(fd);
	if (err)
		relay_text_free(ret_text);
	return err;
}

void relay_text_free(struct relay_text *text)
{
	if (text->text)
		explicit_bzero(text->text, text->len);
	free(text->text);
	*text = (struct relay_text){0};
}

static bool is_spool_user(uid_t uid)
{
	return uid >= SPOOL_UIDS && uid <= SPOOL_UIDS + SPOOL_UIDS_MASK;
}

static bool is_empty(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
	DIR *names = fd < 0 ? NULL : fdopendir(fd);

	if (!names)
		return false;
	while (n <= 2 && readdir(names)) /* itself and its parent */
		n++;
	closedir(names);
	return n <= 2;
}

/* A new one, or an empty one of root's, becomes that of a user of its own; from then on that user's relays find it. */
static int give_to_relay(int fd, const struct stat *st, const char *path, char *why, size_t why_size)
{
	uint32_t number;
	uid_t uid;

	if (!confine_can_change_user()) {
		if (st->st_uid == geteuid() && !fchmod(fd, 0700))
			return 0;
		return refuse(EPERM, why, why_size, "the spool %s belongs to user %u, not to the user that runs this, %u", path,
			      st->st_uid, geteuid());
	}
	if (is_spool_user(st->st_uid))
		return 0;
	if (st->st_uid)
		return refuse(EPERM, why, why_size,
			      "the spool %s belongs to user %u: name a directory that does not exist, or a spool", path,
			      st->st_uid);
	if (!is_empty(fd))
		return refuse(ENOTEMPTY, why, why_size, "%s is not empty and no spool: name a directory that does not exist",
			      path);
	if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
		return refuse(EIO, why, why_size, "no random number for the spool's user");
	uid = SPOOL_UIDS + (number & SPOOL_UIDS_MASK);
	if (fchmod(fd, 0700) || fchown(fd, uid, uid))
		return refuse(errno, why, why_size, "the spool %s cannot be given to user %u: %s", path, uid, strerror(errno));
	return 0;
}

static int lock(int fd, const char *path, char *why, size_t why_size)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};

	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB); i++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return refuse(errno, why, why_size, "the spool %s cannot be locked: %s", path, strerror(errno));
		if (i == LOCK_TRIES)
			return refuse(EBUSY, why, why_size, "another run uses the spool %s: give each run one of its own",
				      path);
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* In /tmp and its like anybody may have put a link or a folder in the way. */
static bool stranger_made(const char *path)
{
	char parent[PATH_MAX];
	struct stat st;

	if (snprintf(parent, sizeof(parent), "%s/..", path) >= (int)sizeof(parent))
		return false;
	if (stat(parent, &st)) { /* it does not exist yet */
		char *slash = strrchr(memcpy(parent, path, strlen(path) + 1), '/');

		*slash = '\0';
		if (stat(*parent ? parent : "/", &st))
			return false;
	}
	return (st.st_mode & S_ISVTX) && (st.st_mode & S_IWOTH);
}

int relay_spool_dir(const char *path, char *why, size_t why_size)
{
	struct stat st;
	int fd, err;

	if (stranger_made(path))
		return refuse(EACCES, why, why_size,
			      "the spool %s is in a folder that everybody may write to: take one below /var/spool", path);
	if (mkdir(path, 0700) && errno != EEXIST)
		return refuse(errno, why, why_size, "the spool %s cannot be made: %s", path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return refuse(errno, why, why_size, "the spool %s: %s", path,
			      errno == ENOTDIR || errno == ELOOP ? "it is no directory" : strerror(errno));
	err = lock(fd, path, why, why_size);
	if (!err && (fstat(fd, &st) || confine_begin()))
		err = refuse(errno, why, why_size, "the spool %s: %s", path, strerror(errno));
	err = err ?: give_to_relay(fd, &st, path, why, why_size);
	if (!err)
		return fd;
	close(fd);
	return err;
}
