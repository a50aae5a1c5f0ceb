// SPDX-License-Identifier: GPL-2.0-only
/*
 * One Dwfl for each of the program images seen last. An image is a process between two exec()s; when a stack leads to what it
 * mapped later (dlopen), the image is opened again. Files are opened by the mapping, not by name: so they are the right ones in
 * a container, and after an upgrade.
 */
#include "unwind.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <elfutils/libdwfl.h>

#include "frame.h"
#include "bpf/shared.h"
#include "src/host/clock.h"
#include "src/host/procfs.h"

#define IMAGES 32
#define FRAMES_MAX 32
#define AGE_MAX_NS 10000000000ull /* an image is opened again no sooner */

struct image {
	uint32_t tgid; /* 0: free */
	uint64_t start_ns, exec_id;
	uint64_t opened_ns, used;
	Dwfl *dwfl;
	const struct capture *capture; /* while it is unwound */
};

struct unwinder {
	struct image images[IMAGES];
	uint64_t uses;
	struct frame_names names;
};

/* The walk over a stack's frames. */
struct walk {
	struct frame_names *names;
	Dwfl *dwfl;
	char *begin; /* of the text */
	struct frame_text text;
	unsigned int frames;
	bool whole;   /* the last frame has no caller */
	bool strange; /* an address belongs to no file */
};

/* Whose files find_elf() opens: libdwfl does not pass it. */
static _Thread_local uint32_t image_tgid;

/* The mapping of `pid` that begins at `base`: as START-END. */
static bool find_mapping(uint32_t pid, uint64_t base, char *range, size_t size)
{
	char path[40], *line = NULL;
	bool found = false;
	size_t room = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return false;
	while (!found && getline(&line, &room, maps) > 0) {
		found = strtoull(line, NULL, 16) == base;
		if (found)
			snprintf(range, size, "%.*s", (int)strcspn(line, " "), line);
	}
	free(line);
	fclose(maps);
	return found;
}

/* Never waits, and gives regular files only: a name may lead anywhere. */
static int open_regular(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int find_elf(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base, char **file_name, Elf **elf)
{
	char range[40], path[4200];
	int fd = -1;

	if (name[0] != '/')
		return dwfl_linux_proc_find_elf(mod, userdata, name, base, file_name, elf);
	if (find_mapping(image_tgid, base, range, sizeof(range))) {
		snprintf(path, sizeof(path), "/proc/%u/map_files/%s", image_tgid, range);
		fd = open_regular(path);
	}
	if (fd < 0) { /* without CAP_SYS_ADMIN */
		snprintf(path, sizeof(path), "/proc/%u/root%s", image_tgid, name);
		fd = open_regular(path);
	}
	if (fd >= 0)
		*file_name = strdup(name);
	return fd;
}

static const Dwfl_Callbacks callbacks = {
	.find_elf = find_elf,
	.find_debuginfo = dwfl_standard_find_debuginfo,
};

static pid_t next_thread(Dwfl *dwfl, void *arg, void **thread_arg)
{
	const struct image *image = arg;

	(void)dwfl;
	if (*thread_arg)
		return 0;
	*thread_arg = arg;
	return (pid_t)image->tgid;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *arg, void **thread_arg)
{
	(void)dwfl, (void)tid;
	*thread_arg = arg;
	return true;
}

static bool read_stack(Dwfl *dwfl, Dwarf_Addr addr, Dwarf_Word *result, void *arg)
{
	const struct capture *c = ((const struct image *)arg)->capture;
	uint64_t offset = addr - c->regs[DWARF_RSP];

	(void)dwfl;
	if (c->len < sizeof(*result) || offset > c->len - sizeof(*result))
		return false;
	memcpy(result, c->stack + offset, sizeof(*result));
	return true;
}

static bool set_registers(Dwfl_Thread *thread, void *arg)
{
	const struct image *image = arg;
	Dwarf_Word regs[DWARF_REGS];

	for (unsigned int i = 0; i < DWARF_REGS; i++)
		regs[i] = image->capture->regs[i];
	return dwfl_thread_state_registers(thread, 0, DWARF_REGS, regs);
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
	.next_thread = next_thread,
	.get_thread = get_thread,
	.memory_read = read_stack,
	.set_initial_registers = set_registers,
};

struct unwinder *unwinder_new(void)
{
	return calloc(1, sizeof(struct unwinder));
}

static void image_close(struct image *image)
{
	if (image->dwfl)
		dwfl_end(image->dwfl);
	*image = (struct image){0};
}

/* The process is still the one of the capture, and runs the same program. */
static bool is_alive(const struct capture *c)
{
	struct procfs_stat stat;

	return procfs_stat(c->tgid, &stat) && procfs_started_at(&stat, c->start_ns) && stat.exec_id == c->exec_id;
}

static bool image_open(struct image *image, const struct capture *c)
{
	*image = (struct image){.tgid = c->tgid, .start_ns = c->start_ns, .exec_id = c->exec_id, .opened_ns = clock_now_ns()};
	image_tgid = c->tgid;
	if (!is_alive(c))
		return false;
	image->dwfl = dwfl_begin(&callbacks);
	if (!image->dwfl || dwfl_linux_proc_report(image->dwfl, (pid_t)c->tgid) || dwfl_report_end(image->dwfl, NULL, NULL) ||
	    !dwfl_attach_state(image->dwfl, NULL, (pid_t)c->tgid, &thread_callbacks, image))
		return false;
	return is_alive(c); /* what was read was its own */
}

/* The image of the capture's process; opened, if need be, in place of the one that was used longest ago. NULL: it is gone. */
static struct image *image_find(struct unwinder *u, const struct capture *c)
{
	struct image *oldest = &u->images[0];

	for (size_t i = 0; i < IMAGES; i++) {
		struct image *image = &u->images[i];

		if (image->tgid == c->tgid && image->start_ns == c->start_ns && image->exec_id == c->exec_id) {
			image->used = ++u->uses;
			image_tgid = image->tgid;
			return image;
		}
		if (image->used < oldest->used)
			oldest = image;
	}
	image_close(oldest);
	if (!image_open(oldest, c)) {
		image_close(oldest);
		return NULL;
	}
	oldest->used = ++u->uses;
	return oldest;
}

static void put_frame(struct walk *w, Dwarf_Addr pc, bool exact)
{
	Dwfl_Module *mod = dwfl_addrmodule(w->dwfl, exact ? pc : pc - 1);
	struct frame_text *text = &w->text;

	if (mod) {
		frame_name_put(w->names, mod, pc, exact, text);
		return;
	}
	w->strange = true;
	text->p += snprintf(text->p, (size_t)(text->end - text->p), "0x%" PRIx64 "\n", (uint64_t)pc);
	if (text->p >= text->end)
		text->p = text->end - 1;
}

static int on_frame(Dwfl_Frame *frame, void *arg)
{
	struct walk *w = arg;
	Dwarf_Addr pc;
	bool exact;

	if (w->frames == FRAMES_MAX || w->text.end - w->text.p < 2 || !dwfl_frame_pc(frame, &pc, &exact))
		return DWARF_CB_ABORT;
	w->frames++;
	put_frame(w, pc, exact || w->frames == 1);
	return DWARF_CB_OK;
}

static void walk(struct walk *w, struct image *image, const struct capture *c)
{
	w->dwfl = image->dwfl;
	w->text.p = w->begin;
	w->frames = 0;
	w->strange = false;
	image->capture = c;
	w->whole = !dwfl_getthread_frames(image->dwfl, (pid_t)image->tgid, on_frame, w);
	image->capture = NULL;
	if (w->text.p > w->begin && w->text.p[-1] == '\n')
		w->text.p--;
	*w->text.p = '\0';
	for (char *p = w->begin; *p; p++) {
		if ((*p < ' ' || *p > '~') && *p != '\n')
			*p = '?';
	}
}

enum wire_stack_note unwinder_trace(struct unwinder *u, const struct capture *c, char *text, size_t size)
{
	struct walk w = {.names = &u->names, .begin = text, .text = {text, text + size}};
	struct image *image = image_find(u, c);

	text[0] = '\0';
	if (!image)
		return WIRE_STACK_PROCESS_GONE;
	walk(&w, image, c);
	if (w.strange && clock_now_ns() - image->opened_ns >= AGE_MAX_NS && is_alive(c)) {
		image_close(image);
		image = image_find(u, c);
		if (image)
			walk(&w, image, c);
	}
	if (!w.frames)
		return WIRE_STACK_NOT_TAKEN;
	return w.whole ? WIRE_STACK_WHOLE : WIRE_STACK_CUT;
}
