/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One file of a spool: a head, then entries, each a line with its length, its number and a checksum. The head gets its count
 * when nothing more is appended: without one, the file's entries must be read to know what is in it. Numbers are in this host's
 * byte order.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPOOL_LINE_MAX (32u * 1024)
#define SEGMENT_NAME_MAX 32 /* the id in hex, and ".spool" */
#define SEGMENT_MAX (8u << 20)
#define SEGMENT_ID_MAX (UINT64_MAX / 2)

struct segment {
	uint64_t id;   /* a later one has a higher one */
	uint64_t run;  /* which wrote it */
	uint64_t last; /* number of its last line, 0: none */
	uint64_t size; /* in bytes, up to the end of its last whole entry */
	uint32_t count;
};

struct segment_head {
	char magic[8];
	uint64_t run, last;
	uint32_t count, check;
};

struct segment_entry {
	uint32_t len, check;
	uint64_t number;
};

void segment_name(char name[SEGMENT_NAME_MAX], uint64_t id);
bool segment_id(const char *name, uint64_t *ret_id); /* of a file's name; false: it is no segment's */

/* A new one. The descriptor or -errno. */
int segment_create(int dir, struct segment *segment);

/*
 * Reads what is known of segment->id. The descriptor; -EBADMSG: it is no segment; another -errno. One without a count is read
 * as a whole; what does not belong to a whole entry is cut off, and *ret_torn says so.
 */
int segment_open(int dir, struct segment *segment, bool *ret_torn);

int segment_open_again(int dir, uint64_t id); /* to read entries only */

/* Writes its count. 0 or -errno. */
int segment_finish(int fd, const struct segment *segment);

void segment_entry_fill(struct segment_entry *entry, uint64_t number, const char *line, size_t len);

/* Reads entries one after the other. */
struct segment_reader {
	int fd;
	uint64_t at, end; /* in the file: where `buf` ends, and where to stop */
	size_t pos, have; /* in `buf` */
	char buf[2 * (sizeof(struct segment_entry) + SPOOL_LINE_MAX)];
};

void segment_reader_start(struct segment_reader *reader, int fd, uint64_t from, uint64_t end);

/* 1, with a line that stays until the next call; 0: the end; -EBADMSG: no whole entry stands here; another -errno. */
int segment_reader_next(struct segment_reader *reader, struct segment_entry *entry, const char **ret_line);

/* Where the next entry begins. */
uint64_t segment_reader_offset(const struct segment_reader *reader);
