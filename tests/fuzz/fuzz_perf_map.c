// SPDX-License-Identifier: GPL-2.0-only
/* Any bytes as a process's map of generated code: each address of it has a name of the file, or none. */
#include "src/symbols/perf_map.h"
#include "src/symbols/perf_name.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_name(const struct perf_map *map, uint64_t address)
{
	char name[PERF_NAME_MAX];
	uint64_t offset;
	struct perf_name n;
	const char *end;

	if (!perf_map_find(map, address, name, &offset))
		return;
	end = name + strlen(name);
	check(offset <= address && offset < UINT32_MAX && end < name + sizeof(name) && !strchr(name, '\n'));
	perf_name_parse(name, &n);
	check(!n.file || (n.file >= name && n.file + n.file_len <= end));
	check(n.function && (n.function_len == strlen("(anonymous)") || n.function + n.function_len <= end));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("map", MFD_CLOEXEC);
	struct perf_map map;

	check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	check(!perf_map_open(&map, fd));
	check(map.len <= size / 6);
	for (size_t i = 0; i < map.len && i < 100; i++) {
		const struct perf_symbol *symbol = &map.symbols[i];

		check(!i || symbol[-1].start <= symbol->start);
		check_name(&map, symbol->start);
		check_name(&map, symbol->start + symbol->size - 1);
	}
	check_name(&map, 0);
	check_name(&map, UINT64_MAX);
	perf_map_close(&map);
	return 0;
}
