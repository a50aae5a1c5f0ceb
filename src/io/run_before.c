// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of the file is enough: the last line that is whole has the instance and the time, and is the `meta` "stop" of a run
 * that ended in order. Of a run that ended otherwise this is certain only if it wrote `meta` records here at all, which are
 * searched for in the first MB, where one is after a rotation, and in the last 64 MB. A file is anybody's input: nothing of it
 * is believed but an id and a time.
 */
#include "run_before.h"

#include "src/format/rfc3339.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES 16384
#define SEARCH_BYTES (64ll << 20)
#define BLOCK_BYTES (1 << 20)

/* Reads all of it, or as much as there is; the bytes read. */
static size_t read_at(int fd, char *buf, size_t len, off_t at)
{
	size_t done = 0;

	for (ssize_t n; done < len && (n = pread(fd, buf + done, len - done, at + (off_t)done)) > 0;)
		done += (size_t)n;
	return done;
}

/* The time that a string's value begins with. */
static bool read_time(const char *value, int64_t *ret_us)
{
	char text[sizeof("2026-01-02T03:04:05.123456Z")];

	snprintf(text, sizeof(text), "%s", value);
	return rfc3339_read(text, ret_us);
}

/* A key of the first level whose value is a string. It cannot stand inside of a string, where a quote is escaped. */
static const char *value_of(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	return at ? at + strlen(key) : NULL;
}

static bool block_has_meta(const char *block, size_t len, const char *instance)
{
	static const char meta[] = "\"event\":\"meta\"";
	const char *end = block + len;
	bool found = false;

	for (const char *at = block; !found && (at = memmem(at, (size_t)(end - at), meta, sizeof(meta) - 1)); at++)
		found = end - at > 128 && memmem(at, 128, instance, strlen(instance));
	return found;
}

/* True if a `meta` of this instance stands in the first or the last part of the file. */
static bool has_meta(int fd, off_t size, const char *instance)
{
	char *buf = malloc(BLOCK_BYTES), needle[40];
	off_t from = size > SEARCH_BYTES ? size - SEARCH_BYTES : 0;
	bool found;

	snprintf(needle, sizeof(needle), "\"instance\":\"%s\"", instance);
	found = buf && from && block_has_meta(buf, read_at(fd, buf, BLOCK_BYTES, 0), needle);
	for (size_t n; buf && !found && (n = read_at(fd, buf, BLOCK_BYTES, from)) > 256; from += (off_t)n - 256)
		found = block_has_meta(buf, n, needle);
	free(buf);
	return found;
}

/* A line without its newline. False: it is none of ours. */
static bool take_line(const char *line, int64_t wall_ns, struct format_before *ret)
{
	const char *ts, *instance;
	int64_t last_us;

	ts = value_of(line, "{\"ts\":\"");
	instance = value_of(line, "\"instance\":\"");
	if (ts != line + 7 || !instance || strspn(instance, "0123456789abcdef") != sizeof(ret->instance) - 1 ||
	    !read_time(ts, &last_us))
		return false;
	memcpy(ret->instance, instance, sizeof(ret->instance) - 1);
	ret->instance[sizeof(ret->instance) - 1] = '\0';
	ret->down_us = wall_ns / 1000 > last_us ? (uint64_t)(wall_ns / 1000 - last_us) : 0;
	ret->ended = strstr(line, "\"event\":\"meta\"") && strstr(line, "\"what\":\"stop\"");
	return line[strlen(line) - 1] == '}';
}

/* The last line, or the one before it: a run that was killed may have left a piece of a line, which ends with a newline by now.
 */
static bool read_last(int fd, off_t size, int64_t wall_ns, struct format_before *ret)
{
	char buf[LINE_MAX_BYTES + 1], *line;
	size_t len = size < LINE_MAX_BYTES ? (size_t)size : LINE_MAX_BYTES;
	bool found = false, torn = false;

	if (read_at(fd, buf, len, size - (off_t)len) != len || memchr(buf, '\0', len))
		return false;
	buf[len] = '\0';
	for (int i = 0; i < 3 && !found && (line = strrchr(buf, '\n')); i++) {
		*line = '\0';
		line = strrchr(buf, '\n');
		line = line ? line + 1 : buf;
		found = *line && take_line(line, wall_ns, ret);
		torn |= !found;
	}
	if (found && ret->ended && torn)
		return false; /* the piece is of a run that is not known */
	ret->ended_known = found && (ret->ended || has_meta(fd, size, ret->instance));
	return found;
}

bool run_before(int fd, int64_t wall_ns, struct format_before *ret)
{
	char path[32];
	struct stat st;
	bool known = false;
	int own;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size == 0)
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd); /* opened for writing */
	own = open(path, O_RDONLY | O_CLOEXEC);
	if (own >= 0) {
		known = read_last(own, st.st_size, wall_ns, ret);
		close(own);
	}
	return known;
}
