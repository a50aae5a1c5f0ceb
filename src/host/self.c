// SPDX-License-Identifier: GPL-2.0-only
#include "self.h"

#include "clock.h"
#include "src/core/siphash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

void self_instance(char instance[INSTANCE_LEN])
{
	unsigned char bytes[6] = {0};

	if (getrandom(bytes, sizeof(bytes), GRND_NONBLOCK) < 0)
		memcpy(bytes, &instance, sizeof(bytes)); /* an address, random enough this early in a boot */
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(instance + 2 * i, 3, "%02x", bytes[i]);
}

void self_hash_key(struct hash_key *ret_key)
{
	if (getrandom(ret_key, sizeof(*ret_key), GRND_NONBLOCK) == sizeof(*ret_key))
		return;
	*ret_key = (struct hash_key){(uintptr_t)&ret_key, clock_now_ns()}; /* likewise, and nobody has sent a recording yet */
}

/* PROC_PID_INIT_INO in include/linux/proc_ns.h, the same since 3.8. */
#define FIRST_PID_NAMESPACE "pid:[4026531836]"

bool self_foreign_pids(void)
{
	char link[64] = FIRST_PID_NAMESPACE;
	ssize_t len = readlink("/proc/self/ns/pid", link, sizeof(link) - 1);

	if (len >= 0)
		link[len] = '\0';
	return strcmp(link, FIRST_PID_NAMESPACE) != 0;
}

uint64_t self_rss_bytes(void)
{
	unsigned long long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file && fscanf(file, "%*u %llu", &pages) != 1)
		pages = 0;
	if (file)
		fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

void self_raise_descriptors(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur == files.rlim_max)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

const char *self_no_descriptor(int err)
{
	switch (err < 0 ? -err : err) {
	case EMFILE:
		return "this process may have no more open files: raise the hard limit (ulimit -Hn, LimitNOFILE=)";
	case ENFILE:
		return "this host may have no more open files: raise fs.file-max";
	default:
		return NULL;
	}
}

const char *self_error(int err)
{
	return self_no_descriptor(err) ?: strerror(err < 0 ? -err : err);
}

#define MANY 64 /* of programs, maps and links, besides a ring per CPU */

const char *self_few_descriptors(int err)
{
	int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC); /* about as many are in use */
	struct rlimit files;

	if (lowest < 0)
		return self_no_descriptor(-errno);
	close(lowest);
	if (!getrlimit(RLIMIT_NOFILE, &files) && files.rlim_cur < (rlim_t)(lowest + MANY + sysconf(_SC_NPROCESSORS_CONF)))
		return self_no_descriptor(-EMFILE);
	return self_no_descriptor(err);
}

int self_try_descriptor(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), err = fd < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return self_no_descriptor(err) ? err : 0;
}
