// SPDX-License-Identifier: GPL-2.0-only
#include "progress_bar.h"

#include "src/host/clock.h"
#include "src/host/terminal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FIRST_NS 500000000ull
#define EVERY_NS 200000000ull
#define CELLS 30
#define BESIDE_CELLS 42 /* columns */
#define NARROWEST 5

void progress_bar_init(struct progress_bar *bar, const char *what, uint64_t size)
{
	*bar = (struct progress_bar){.what = what, .on = isatty(STDERR_FILENO), .size = size, .begin_ns = clock_now_ns()};
}

/* How many cells fit; 0: too few to be worth it. */
static int cells_in(unsigned int columns)
{
	int room = columns ? (int)columns - BESIDE_CELLS : CELLS;

	return room < NARROWEST ? 0 : room < CELLS ? room : CELLS;
}

/* Cells that are full, and how long it will take. A line that the terminal wraps could not be taken away again. */
static void print(const struct progress_bar *bar, uint64_t count, double share, uint64_t took_ns)
{
	unsigned int columns = terminal_columns(STDERR_FILENO),
		     left = (unsigned int)((double)took_ns / 1e9 * (1 - share) / share);
	int cells = cells_in(columns), full = (int)(share * cells);
	char picture[CELLS + 1], line[160];

	memset(picture, ' ', sizeof(picture));
	memset(picture, '#', (size_t)full);
	snprintf(line, sizeof(line),
		 cells ? "%3d %% [%.*s] %" PRIu64 " %s, %u:%02u left" : "%3d %%%.*s %" PRIu64 " %s, %u:%02u left",
		 (int)(share * 100), cells, picture, count, bar->what, left / 60, left % 60);
	fprintf(stderr, "\r\033[K%.*s", columns ? (int)columns - 1 : (int)sizeof(line), line);
}

void progress_bar_show(struct progress_bar *bar, uint64_t count, uint64_t done)
{
	uint64_t now = bar->on ? clock_now_ns() : 0;
	double share;

	if (!bar->on || now - bar->begin_ns < FIRST_NS || now - bar->last_ns < EVERY_NS)
		return;
	bar->last_ns = now;
	bar->shown = true;
	share = bar->size ? (double)(bar->before + done) / (double)bar->size : 0;
	if (share > 0.001)
		print(bar, count, share < 1 ? share : 1, now - bar->begin_ns);
	else
		fprintf(stderr, "\r\033[K%" PRIu64 " %s", count, bar->what);
	fflush(stderr);
}

void progress_bar_next(struct progress_bar *bar, uint64_t size)
{
	bar->before += size;
}

void progress_bar_clear(struct progress_bar *bar)
{
	if (!bar->shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	bar->shown = false;
}
