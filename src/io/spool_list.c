// SPDX-License-Identifier: GPL-2.0-only
#include "spool_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define MAGIC "tcplsps1"
#define STATE_NAME "state"
#define SEGMENTS_MAX 16384

static uint32_t check_of(const struct spool_state *state)
{
	return (uint32_t)crc32(1, (const unsigned char *)state, offsetof(struct spool_state, check));
}

int spool_state_write(struct spool_list *list, struct spool_state *state)
{
	ssize_t n;

	memcpy(state->magic, MAGIC, sizeof(state->magic));
	state->check = check_of(state);
	n = pwrite(list->state_fd, state, sizeof(*state), 0);
	return n == (ssize_t)sizeof(*state) ? 0 : n < 0 ? -errno : -ENOSPC;
}

/* Without a state all is delivered from the begin. */
static int read_state(struct spool_list *list, struct spool_state *ret_state, uint64_t *torn)
{
	struct stat st;
	ssize_t n;

	list->state_fd = openat(list->dir, STATE_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (list->state_fd < 0 || fstat(list->state_fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	n = pread(list->state_fd, ret_state, sizeof(*ret_state), 0);
	if (n < 0)
		return -errno;
	if (n == (ssize_t)sizeof(*ret_state) && !memcmp(ret_state->magic, MAGIC, sizeof(ret_state->magic)) &&
	    ret_state->check == check_of(ret_state) && ret_state->segment <= SEGMENT_ID_MAX)
		return 0;
	*torn += n > 0;
	*ret_state = (struct spool_state){0};
	return 0;
}

static struct segment *new_segment(struct spool_list *list)
{
	size_t capacity = list->capacity ? 2 * list->capacity : 64;
	struct segment *segments;

	if (list->n == list->capacity) {
		segments = list->n < SEGMENTS_MAX ? reallocarray(list->segments, capacity, sizeof(*segments)) : NULL;
		if (!segments)
			return NULL;
		list->segments = segments;
		list->capacity = capacity;
	}
	return &list->segments[list->n++];
}

static int compare(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int read_names(struct spool_list *list)
{
	int fd = openat(list->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;
	DIR *names = fd < 0 ? NULL : fdopendir(fd);
	struct segment *segment;
	struct dirent *entry;
	uint64_t id;

	if (!names) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	while (!err && (errno = 0, entry = readdir(names))) {
		if (!segment_id(entry->d_name, &id))
			continue;
		segment = new_segment(list);
		if (segment)
			*segment = (struct segment){.id = id};
		else
			err = list->n < SEGMENTS_MAX ? -ENOMEM : -E2BIG;
	}
	if (!err)
		err = -errno;
	closedir(names);
	if (list->n)
		qsort(list->segments, list->n, sizeof(*list->segments), compare);
	return err;
}

static void remove_file(const struct spool_list *list, const struct segment *segment)
{
	char name[SEGMENT_NAME_MAX];

	segment_name(name, segment->id);
	unlinkat(list->dir, name, 0);
}

/* Reads each file's head; what has no line, or was done before its file could be removed, goes. */
static int read_segments(struct spool_list *list, const struct spool_state *state, uint64_t *torn)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		struct segment segment = list->segments[i];
		bool cut = false;
		int fd = segment_open(list->dir, &segment, &cut);

		if (fd < 0 && fd != -EBADMSG)
			return fd;
		if (fd >= 0) {
			if (cut || segment.count) /* a run that did not end left it without a count */
				(void)segment_finish(fd, &segment);
			close(fd);
		}
		*torn += fd < 0 || cut;
		if (fd < 0 || !segment.count || segment.id < state->segment) {
			remove_file(list, &segment);
			continue;
		}
		list->bytes += segment.size;
		list->segments[kept++] = segment;
	}
	list->n = kept;
	return 0;
}

int spool_list_open(struct spool_list *list, int dir, struct spool_state *ret_state, uint64_t *torn)
{
	int err;

	*list = (struct spool_list){.dir = dir, .state_fd = -1};
	err = read_state(list, ret_state, torn);
	err = err ?: read_names(list);
	err = err ?: read_segments(list, ret_state, torn);
	list->next_id = ret_state->segment + 1;
	if (!err && list->n && list->segments[list->n - 1].id >= list->next_id)
		list->next_id = list->segments[list->n - 1].id + 1;
	return err;
}

void spool_list_close(struct spool_list *list)
{
	if (list->state_fd >= 0)
		close(list->state_fd);
	free(list->segments);
}

int spool_list_add(struct spool_list *list, uint64_t run)
{
	struct segment *segment = new_segment(list);
	int fd;

	if (!segment)
		return -ENOSPC;
	*segment = (struct segment){.id = list->next_id, .run = run};
	fd = segment_create(list->dir, segment);
	if (fd < 0) {
		list->n--;
		return fd;
	}
	list->next_id++;
	list->bytes += segment->size;
	return fd;
}

void spool_list_remove(struct spool_list *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		remove_file(list, &list->segments[i]);
		list->bytes -= list->segments[i].size;
	}
	list->n -= n;
	if (n)
		memmove(list->segments, list->segments + n, list->n * sizeof(*list->segments));
}

uint64_t spool_list_next_id(const struct spool_list *list)
{
	return list->next_id;
}
