// SPDX-License-Identifier: GPL-2.0-only
#include "spool_segment.h"

#include "crc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "tcplspl1"
#define SUFFIX ".spool"
#define ID_DIGITS 16

void segment_name(char name[SEGMENT_NAME_MAX], uint64_t id)
{
	snprintf(name, SEGMENT_NAME_MAX, "%016llx" SUFFIX, (unsigned long long)id);
}

bool segment_id(const char *name, uint64_t *ret_id)
{
	char again[SEGMENT_NAME_MAX];

	if (strlen(name) != ID_DIGITS + strlen(SUFFIX))
		return false;
	*ret_id = strtoull(name, NULL, 16);
	segment_name(again, *ret_id);
	return *ret_id <= SEGMENT_ID_MAX && !strcmp(name, again);
}

static uint32_t head_check(const struct segment_head *head)
{
	return crc_add(1, head, offsetof(struct segment_head, check));
}

static uint32_t entry_check(const struct segment_entry *entry, const char *line)
{
	const uint64_t numbers[] = {entry->len, entry->number};

	return crc_add(crc_add(1, numbers, sizeof(numbers)), line, entry->len);
}

void segment_entry_fill(struct segment_entry *entry, uint64_t number, const char *line, size_t len)
{
	*entry = (struct segment_entry){.len = (uint32_t)len, .number = number};
	entry->check = entry_check(entry, line);
}

static int write_head(int fd, const struct segment *segment, uint32_t count)
{
	struct segment_head head = {.magic = MAGIC, .run = segment->run, .last = segment->last, .count = count};
	ssize_t n;

	head.check = head_check(&head);
	n = pwrite(fd, &head, sizeof(head), 0);
	return n == (ssize_t)sizeof(head) ? 0 : n < 0 ? -errno : -ENOSPC;
}

int segment_create(int dir, struct segment *segment)
{
	char name[SEGMENT_NAME_MAX];
	int fd, err;

	segment_name(name, segment->id);
	fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	segment->last = segment->count = 0;
	segment->size = sizeof(struct segment_head);
	err = write_head(fd, segment, 0);
	if (!err)
		return fd;
	close(fd);
	unlinkat(dir, name, 0);
	return err;
}

int segment_finish(int fd, const struct segment *segment)
{
	return write_head(fd, segment, segment->count);
}

void segment_reader_start(struct segment_reader *r, int fd, uint64_t from, uint64_t end)
{
	r->fd = fd;
	r->at = from;
	r->end = end;
	r->pos = r->have = 0;
}

uint64_t segment_reader_offset(const struct segment_reader *r)
{
	return r->at - (r->have - r->pos);
}

/* `want` bytes at buf + pos, if the file has them: 1, 0, or -errno. */
static int fill(struct segment_reader *r, size_t want)
{
	if (r->have - r->pos >= want)
		return 1;
	memmove(r->buf, r->buf + r->pos, r->have - r->pos);
	r->have -= r->pos;
	r->pos = 0;
	while (r->have < want) {
		size_t room = sizeof(r->buf) - r->have;
		ssize_t n =
			pread(r->fd, r->buf + r->have, r->end - r->at < room ? (size_t)(r->end - r->at) : room, (off_t)r->at);
		if (n <= 0)
			return n < 0 ? -errno : 0;
		r->have += (size_t)n;
		r->at += (uint64_t)n;
	}
	return 1;
}

int segment_reader_next(struct segment_reader *r, struct segment_entry *entry, const char **ret_line)
{
	int ready = fill(r, sizeof(*entry));

	if (ready <= 0)
		return ready < 0 ? ready : r->have > r->pos ? -EBADMSG : 0;
	memcpy(entry, r->buf + r->pos, sizeof(*entry));
	if (!entry->len || entry->len > SPOOL_LINE_MAX)
		return -EBADMSG;
	ready = fill(r, sizeof(*entry) + entry->len);
	if (ready <= 0)
		return ready < 0 ? ready : -EBADMSG;
	*ret_line = r->buf + r->pos + sizeof(*entry);
	if (entry->check != entry_check(entry, *ret_line))
		return -EBADMSG;
	r->pos += sizeof(*entry) + entry->len;
	return 1;
}

/* Of a file without a count: what is in it. */
static int scan(int fd, struct segment *segment, bool *ret_torn)
{
	struct segment_reader *r = malloc(sizeof(*r));
	struct segment_entry entry;
	const char *line;
	int more;

	if (!r)
		return -ENOMEM;
	segment_reader_start(r, fd, sizeof(struct segment_head), segment->size);
	segment->last = segment->count = 0;
	while ((more = segment_reader_next(r, &entry, &line)) > 0) {
		segment->last = entry.number;
		segment->count++;
	}
	segment->size = segment_reader_offset(r);
	free(r);
	if (more < 0 && more != -EBADMSG)
		return more;
	*ret_torn = more < 0;
	if (more < 0 && ftruncate(fd, (off_t)segment->size))
		return -errno;
	return 0;
}

static int read_head(int fd, struct segment *segment, bool *ret_torn)
{
	struct segment_head head;
	struct stat st;

	*ret_torn = false;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(head) || st.st_size > (off_t)SEGMENT_MAX ||
	    pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) || memcmp(head.magic, MAGIC, sizeof(head.magic)) ||
	    head.check != head_check(&head))
		return -EBADMSG;
	segment->run = head.run;
	segment->last = head.last;
	segment->count = head.count;
	segment->size = (uint64_t)st.st_size;
	if (!head.count)
		return scan(fd, segment, ret_torn);
	return head.count > segment->size / sizeof(struct segment_entry) ? -EBADMSG : 0;
}

int segment_open(int dir, struct segment *segment, bool *ret_torn)
{
	char name[SEGMENT_NAME_MAX];
	int fd, err;

	segment_name(name, segment->id);
	fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ELOOP ? -EBADMSG : -errno;
	err = read_head(fd, segment, ret_torn);
	if (!err)
		return fd;
	close(fd);
	return err;
}

int segment_open_again(int dir, uint64_t id)
{
	char name[SEGMENT_NAME_MAX];
	int fd;

	segment_name(name, id);
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
