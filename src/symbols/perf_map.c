// SPDX-License-Identifier: GPL-2.0-only
#include "perf_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES (64u << 10)
#define NUMBERS_MAX 48 /* bytes before a name: two numbers and what is between them */
#define OVERLAPS 64    /* how many symbols that begin before an address are looked at */
#define ROOM_MIN 1024
#define LINES_MAX (2 * PERF_MAP_SYMBOLS)

/* A number in hex, with or without 0x, and the spaces behind it. */
static bool number(const char **p, const char *end, uint64_t *ret)
{
	const char *at = *p, *first;
	uint64_t value = 0;

	if (end - at > 2 && at[0] == '0' && (at[1] | 0x20) == 'x')
		at += 2;
	for (first = at; at < end && *at != ' '; at++) {
		unsigned int lower = (unsigned char)*at | 0x20u;
		unsigned int digit = *at >= '0' && *at <= '9'       ? (unsigned int)(*at - '0')
				     : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
								    : 16;

		if (digit == 16 || value >> 60)
			return false;
		value = value << 4 | digit;
	}
	if (at == first || at == end)
		return false;
	for (; at < end && *at == ' '; at++)
		;
	*p = at;
	*ret = value;
	return true;
}

/* False: there is no more room. */
static bool add(struct perf_map *map, const struct perf_symbol *symbol)
{
	size_t room = map->room ? map->room * 2 : ROOM_MIN;
	void *symbols;

	if (map->len == map->room) {
		if (map->len == PERF_MAP_SYMBOLS)
			return false;
		symbols = reallocarray(map->symbols, room, sizeof(*map->symbols));
		if (!symbols)
			return false;
		map->symbols = symbols;
		map->room = room;
	}
	map->symbols[map->len++] = *symbol;
	return true;
}

/* `line` lies at `offset` of the file; it may be cut after NUMBERS_MAX bytes. */
static bool take_line(struct perf_map *map, const char *line, const char *end, uint64_t offset)
{
	const char *p = line;
	uint64_t start, size;

	if (!number(&p, end, &start) || !number(&p, end, &size) || p == end)
		return true;
	if (!size || size > UINT32_MAX || start + size < start)
		return true;
	return add(map, &(struct perf_symbol){start, (uint32_t)size, (uint32_t)(offset + (uint64_t)(p - line))});
}

/* A line that is longer than a block is its beginning, and nothing. */
static void read_lines(struct perf_map *map)
{
	char block[BLOCK_BYTES];
	uint64_t at = 0; /* of the block in the file */
	uint32_t lines = 0;
	size_t len = 0;
	bool inside = false, more = true; /* inside a line whose beginning was taken */
	ssize_t n;

	while (more && at + len < PERF_MAP_BYTES &&
	       (n = pread(map->fd, block + len, sizeof(block) - len, (off_t)(at + len))) > 0) {
		const char *line = block, *end;

		len += (size_t)n;
		for (; more && (end = memchr(line, '\n', (size_t)(block + len - line))); line = end + 1) {
			more = ++lines < LINES_MAX;
			if (!inside)
				more &= take_line(map, line, end, at + (uint64_t)(line - block));
			inside = false;
		}
		if (line == block && len == sizeof(block)) {
			if (!inside)
				more = take_line(map, line, line + NUMBERS_MAX, at);
			inside = true;
			line = block + len;
		}
		at += (uint64_t)(line - block);
		len -= (size_t)(line - block);
		memmove(block, line, len);
	}
}

static int by_start(const void *a, const void *b)
{
	const struct perf_symbol *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

static uint64_t changed_ns(const struct stat *st)
{
	return (uint64_t)st->st_mtim.tv_sec * 1000000000ull + (uint64_t)st->st_mtim.tv_nsec;
}

int perf_map_open(struct perf_map *map, int fd)
{
	struct stat st;

	*map = (struct perf_map){.fd = fd};
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > PERF_MAP_BYTES)
		return -EFBIG;
	map->inode = st.st_ino;
	map->size = (uint64_t)st.st_size;
	map->changed_ns = changed_ns(&st);
	read_lines(map);
	if (map->len)
		qsort(map->symbols, map->len, sizeof(*map->symbols), by_start);
	return 0;
}

void perf_map_close(struct perf_map *map)
{
	if (map->fd >= 0)
		close(map->fd);
	free(map->symbols);
	*map = (struct perf_map){.fd = -1};
}

bool perf_map_changed(const struct perf_map *map)
{
	struct stat st;

	return map->fd < 0 || fstat(map->fd, &st) || !st.st_nlink || (uint64_t)st.st_size != map->size ||
	       changed_ns(&st) != map->changed_ns;
}

/* Whose name stands last in the file, of those that hold the address. */
static const struct perf_symbol *find(const struct perf_map *map, uint64_t address)
{
	const struct perf_symbol *found = NULL;
	size_t low = 0, high = map->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (map->symbols[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t i = low, looked = 0; i-- > 0 && looked < OVERLAPS; looked++) {
		const struct perf_symbol *symbol = &map->symbols[i];

		if (address - symbol->start < symbol->size && (!found || symbol->line > found->line))
			found = symbol;
	}
	return found;
}

bool perf_map_find(const struct perf_map *map, uint64_t address, char name[PERF_NAME_MAX], uint64_t *ret_offset)
{
	const struct perf_symbol *symbol = find(map, address);
	ssize_t len;
	char *end;

	if (!symbol)
		return false;
	len = pread(map->fd, name, PERF_NAME_MAX - 1, symbol->line);
	if (len <= 0)
		return false;
	name[len] = '\0';
	end = memchr(name, '\n', (size_t)len);
	if (end)
		*end = '\0';
	*ret_offset = address - symbol->start;
	return *name != '\0';
}
