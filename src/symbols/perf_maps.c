// SPDX-License-Identifier: GPL-2.0-only
#include "perf_maps.h"

#include "src/host/clock.h"

#include <errno.h>

#define WAIT_MIN_NS 200000000ull
#define WAIT_FACTOR 50 /* so reading takes at most a fiftieth of the time: less than a process's share of it */

void perf_maps_init(struct perf_maps *maps)
{
	for (size_t i = 0; i < PERF_MAPS; i++)
		maps->slots[i].map.fd = -1;
}

void perf_maps_free(struct perf_maps *maps)
{
	for (size_t i = 0; i < PERF_MAPS; i++)
		perf_map_close(&maps->slots[i].map);
}

static bool is_of(const struct perf_maps_slot *slot, const struct program_id *program)
{
	return slot->program.tgid == program->tgid && slot->program.start_ns == program->start_ns &&
	       slot->program.exec_id == program->exec_id;
}

/* The program's, or the one that was used longest ago. */
static struct perf_maps_slot *find_slot(struct perf_maps *maps, const struct program_id *program)
{
	struct perf_maps_slot *oldest = &maps->slots[0];

	for (size_t i = 0; i < PERF_MAPS; i++) {
		struct perf_maps_slot *slot = &maps->slots[i];

		if (is_of(slot, program))
			return slot;
		if (slot->used < oldest->used)
			oldest = slot;
	}
	perf_map_close(&oldest->map);
	*oldest = (struct perf_maps_slot){.program = *program, .map.fd = -1};
	return oldest;
}

static void read_again(struct perf_maps_slot *slot, const struct file_source *source)
{
	uint64_t cpu = clock_cpu_ns();
	int fd = source->open_map ? source->open_map(source->ctx, &slot->program) : -ENOENT;

	perf_map_close(&slot->map);
	slot->error = fd < 0 ? fd : perf_map_open(&slot->map, fd);
	if (slot->error)
		perf_map_close(&slot->map);
	cpu = (clock_cpu_ns() - cpu) * WAIT_FACTOR;
	slot->due_ns = clock_now_ns() + (cpu > WAIT_MIN_NS ? cpu : WAIT_MIN_NS);
}

const struct perf_map *perf_maps_of(struct perf_maps *maps, const struct file_source *source, const struct program_id *program,
				    int *ret_error)
{
	struct perf_maps_slot *slot = find_slot(maps, program);

	slot->used = ++maps->uses;
	if (clock_now_ns() >= slot->due_ns && perf_map_changed(&slot->map))
		read_again(slot, source);
	*ret_error = slot->error;
	return slot->error ? NULL : &slot->map;
}
