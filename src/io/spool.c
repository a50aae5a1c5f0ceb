// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files of a bounded size, the oldest first, and a file "state" that says how far they are delivered. Only the newest is
 * appended to. A file goes when all its lines are done.
 */
#include "spool.h"

#include "spool_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH_SIZE (256u * 1024)
#define SEGMENTS_PER_SPOOL 16 /* so much of its bound is free again at the latest when this share of it is delivered */

struct spool {
	struct spool_list list;
	struct spool_state state; /* as it was last written, but for numbers of this moment in `counts` */
	struct spool_counts counts;
	uint64_t max, segment_max;
	int dir, write_fd, read_fd;
	bool unsaved;

	size_t at;      /* which segment is read */
	uint32_t index; /* entries of it that were read */
	uint64_t given; /* lines that are not done */
	bool given_own; /* they are of this run */
	struct segment_reader reader;

	size_t batch_len;
	uint32_t batch_lines;
	char batch[BATCH_SIZE];
};

static void save(struct spool *s)
{
	int err;

	s->state.taken = s->counts.taken - s->batch_lines;
	s->state.delivered = s->counts.delivered;
	s->state.lost = s->counts.lost;
	s->state.earlier_delivered = s->counts.earlier_delivered;
	s->state.earlier_lost = s->counts.earlier_lost;
	err = spool_state_write(&s->list, &s->state);
	if (err)
		s->counts.error = -err;
	s->unsaved = err != 0;
}

static void lose(struct spool *s, uint64_t lines, int error)
{
	s->counts.lost += lines;
	s->counts.error = error;
	s->unsaved = true;
}

static struct segment *newest(struct spool *s)
{
	return &s->list.segments[s->list.n - 1];
}

static void end_segment(struct spool *s)
{
	int err;

	if (s->write_fd < 0)
		return;
	err = segment_finish(s->write_fd, newest(s));
	if (err)
		s->counts.error = -err;
	close(s->write_fd);
	s->write_fd = -1;
}

/* A file with room for the batch. 0 or -errno. */
static int ready_segment(struct spool *s)
{
	if (s->write_fd >= 0 && newest(s)->size + s->batch_len > s->segment_max)
		end_segment(s);
	if (s->write_fd < 0)
		s->write_fd = spool_list_add(&s->list, s->state.run);
	return s->write_fd < 0 ? s->write_fd : 0;
}

static int write_batch(struct spool *s)
{
	struct segment *segment;
	int err = ready_segment(s);
	ssize_t n;

	if (err)
		return err;
	segment = newest(s);
	n = pwrite(s->write_fd, s->batch, s->batch_len, (off_t)segment->size);
	if (n == (ssize_t)s->batch_len) {
		segment->size += s->batch_len;
		segment->count += s->batch_lines;
		segment->last = s->counts.taken;
		s->list.bytes += s->batch_len;
		return 0;
	}
	err = n < 0 ? -errno : -ENOSPC;
	if (ftruncate(s->write_fd, (off_t)segment->size)) /* then its count says where it ends */
		end_segment(s);
	return err;
}

void spool_flush(struct spool *s)
{
	uint32_t lines = s->batch_lines;
	int err = lines ? write_batch(s) : 0;

	s->batch_lines = 0;
	s->batch_len = 0;
	if (err)
		lose(s, lines, -err);
	else
		s->counts.waiting += lines;
	if (s->unsaved)
		save(s);
}

void spool_put(struct spool *s, uint64_t number, const char *line, size_t len)
{
	struct segment_entry entry;
	const size_t size = sizeof(entry) + len;

	if (number <= s->counts.taken)
		return;
	if (number > s->counts.taken + 1) {
		spool_flush(s);
		lose(s, number - 1 - s->counts.taken, EIO);
		s->counts.taken = number - 1;
	}
	if (len == 0 || len > SPOOL_LINE_MAX || s->list.bytes + s->batch_len + size + sizeof(struct segment_head) > s->max) {
		spool_flush(s); /* numbers of a batch follow one another up to `taken` */
		s->counts.taken = number;
		lose(s, 1, len == 0 || len > SPOOL_LINE_MAX ? EMSGSIZE : ENOSPC);
		return;
	}
	if (s->batch_len + size > sizeof(s->batch) || s->batch_len + size + sizeof(struct segment_head) > s->segment_max)
		spool_flush(s);
	s->counts.taken = number;
	segment_entry_fill(&entry, number, line, len);
	memcpy(s->batch + s->batch_len, &entry, sizeof(entry));
	memcpy(s->batch + s->batch_len + sizeof(entry), line, len);
	s->batch_len += size;
	s->batch_lines++;
}

static void leave_segment(struct spool *s)
{
	if (s->read_fd >= 0)
		close(s->read_fd);
	s->read_fd = -1;
	s->at++;
	s->index = 0;
}

/* What is left of this segment cannot be read. */
static void skip_segment(struct spool *s, int error)
{
	const struct segment *segment = &s->list.segments[s->at];
	uint32_t left = segment->count - s->index;

	if (s->at + 1 == s->list.n)
		end_segment(s);
	s->index = segment->count;
	s->unsaved = true;
	s->counts.error = error;
	if (segment->run == s->state.run) {
		s->counts.lost += left;
		s->counts.waiting -= left;
	} else {
		s->counts.earlier_lost += left;
		s->counts.earlier_waiting -= left;
	}
}

/* The next line of segments[at]: its length, or 0: there is none, or it cannot be read. */
static size_t read_line(struct spool *s, const char **ret_line)
{
	const struct segment *segment = &s->list.segments[s->at];
	struct segment_entry entry;
	int got;

	if (s->read_fd < 0) {
		s->read_fd = segment_open_again(s->dir, segment->id);
		segment_reader_start(&s->reader, s->read_fd, s->index ? s->state.offset : sizeof(struct segment_head), 0);
	}
	s->reader.end = segment->size;
	got = s->read_fd < 0 ? s->read_fd : segment_reader_next(&s->reader, &entry, ret_line);
	if (got == -EMFILE || got == -ENFILE || got == -ENOMEM)
		return 0; /* of the moment: the file is as it was */
	if (got <= 0) {
		skip_segment(s, got < 0 ? -got : EBADMSG);
		return 0;
	}
	s->index++;
	s->given++;
	return entry.len;
}

size_t spool_next(struct spool *s, const char **ret_line)
{
	while (s->at < s->list.n) {
		const struct segment *segment = &s->list.segments[s->at];
		bool own = segment->run == s->state.run;
		size_t len;

		if (s->index >= segment->count) {
			if (s->at + 1 == s->list.n && s->write_fd >= 0)
				return 0;
			leave_segment(s);
			continue;
		}
		if (s->given && own != s->given_own)
			return 0; /* runs are counted apart */
		s->given_own = own;
		len = read_line(s, ret_line);
		if (len)
			return len;
	}
	return 0;
}

void spool_done(struct spool *s, uint64_t delivered, uint64_t lost)
{
	bool reading = s->at < s->list.n;

	if (s->given_own) {
		s->counts.waiting -= s->given;
		s->counts.delivered += delivered;
		s->counts.lost += lost;
	} else {
		s->counts.earlier_waiting -= s->given;
		s->counts.earlier_delivered += delivered;
		s->counts.earlier_lost += lost;
	}
	s->given = 0;
	s->state.segment = reading ? s->list.segments[s->at].id : spool_list_next_id(&s->list);
	s->state.index = s->index;
	s->state.offset = s->read_fd >= 0 ? segment_reader_offset(&s->reader) : sizeof(struct segment_head);
	save(s);
	spool_list_remove(&s->list, s->at);
	s->at = 0;
}

/* Where the state says that delivery goes on, if that can be true. */
static void find_position(struct spool *s)
{
	const struct segment *first = s->list.segments;

	if (s->list.n && first->id == s->state.segment && s->state.index <= first->count && s->state.offset <= first->size &&
	    s->state.offset >= sizeof(struct segment_head))
		s->index = s->state.index;
}

static void count_found(struct spool *s, bool same_run)
{
	struct spool_counts *c = &s->counts;

	for (size_t i = 0; i < s->list.n; i++) {
		const struct segment *segment = &s->list.segments[i];
		uint64_t lines = segment->count - (i == 0 ? s->index : 0);

		if (segment->run == s->state.run) {
			c->waiting += lines;
			c->taken = segment->last > c->taken ? segment->last : c->taken;
		} else {
			c->earlier_waiting += lines;
		}
	}
	if (!same_run)
		return;
	c->taken = s->state.taken > c->taken ? s->state.taken : c->taken;
	c->delivered = s->state.delivered;
	c->earlier_delivered = s->state.earlier_delivered;
	c->earlier_lost = s->state.earlier_lost;
	/* What was taken and is nowhere: it found no room, was refused by the peer, or stood in a damaged file. */
	c->lost = c->taken > c->delivered + c->waiting ? c->taken - c->delivered - c->waiting : 0;
}

int spool_open(struct spool **out, int dir, uint64_t max_bytes, uint64_t run)
{
	struct spool *s = max_bytes >= SPOOL_BYTES_MIN ? calloc(1, sizeof(*s)) : NULL;
	bool same_run;
	int err;

	if (!s)
		return max_bytes >= SPOOL_BYTES_MIN ? -ENOMEM : -EINVAL;
	s->dir = dir;
	s->write_fd = s->read_fd = -1;
	s->max = max_bytes;
	s->segment_max = max_bytes / SEGMENTS_PER_SPOOL < SEGMENT_MAX ? max_bytes / SEGMENTS_PER_SPOOL : SEGMENT_MAX;
	err = spool_list_open(&s->list, dir, &s->state, &s->counts.torn);
	if (!err) {
		same_run = s->state.run == run;
		s->state.run = run;
		find_position(s);
		count_found(s, same_run);
		save(s);
		err = s->unsaved ? -s->counts.error : 0;
	}
	if (err)
		spool_close(s);
	else
		*out = s;
	return err;
}

void spool_counts(const struct spool *s, struct spool_counts *ret_counts)
{
	*ret_counts = s->counts;
	ret_counts->taken -= s->batch_lines;
}

void spool_close(struct spool *s)
{
	if (!s)
		return;
	if (s->batch_lines || s->unsaved)
		spool_flush(s);
	end_segment(s);
	if (s->read_fd >= 0)
		close(s->read_fd);
	if (!s->counts.waiting && !s->counts.earlier_waiting && !s->given)
		spool_list_remove(&s->list, s->list.n);
	spool_list_close(&s->list);
	free(s);
}
