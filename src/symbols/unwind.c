// SPDX-License-Identifier: GPL-2.0-only
/*
 * One image for each of the programs seen last, a program being a process between two exec()s; when a stack leads to what it
 * mapped later (dlopen), the image is opened again.
 */
#include "unwind.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "image.h"
#include "perf_maps.h"
#include "perf_name.h"
#include "runtime.h"
#include "trampoline.h"
#include "bpf/shared.h"
#include "src/host/clock.h"

#define IMAGES 32
#define FRAMES_MAX 32             /* that are shown */
#define STEPS_MAX 128             /* with those that are left out */
#define PYTHON_WITH_PERF 12       /* the first 3.N that has it */
#define AGE_MAX_NS 10000000000ull /* an image is opened again no sooner */

struct unwinder {
	struct image images[IMAGES];
	uint64_t uses;
	const struct file_source *source;
	struct frame_names names;
	struct perf_maps maps;
};

/* The walk over a stack's frames. */
struct walk {
	struct unwinder *unwinder;
	struct image *image;
	char *begin; /* of the text */
	struct frame_text text;
	unsigned int steps, frames, lines;
	unsigned int own; /* the first line that is the programmer's own, from 1 */
	bool whole;       /* the last frame has no caller */
	bool strange;     /* an address belongs to no file and is in no map */
	bool again;       /* it goes on with regs */
	__u64 regs[DWARF_REGS];
	bool trampoline; /* the last frame can be left by its layout alone */
	bool generated;  /* a frame is in a map */
	bool in_runtime; /* a frame is in a file of the image's runtime */
};

struct unwinder *unwinder_new(const struct file_source *source)
{
	struct unwinder *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->source = source;
	perf_maps_init(&u->maps);
	return u;
}

void unwinder_free(struct unwinder *u)
{
	if (!u)
		return;
	for (size_t i = 0; i < IMAGES; i++)
		image_close(&u->images[i]);
	for (size_t i = 0; i < FRAME_NAMES; i++)
		free(u->names.places[i].text);
	perf_maps_free(&u->maps);
	free(u);
}

static bool is_of(const struct image *image, const struct capture *c)
{
	return image->program.tgid == c->tgid && image->program.start_ns == c->start_ns && image->program.exec_id == c->exec_id;
}

/* The image of the capture's program; opened, if need be, in place of the one that was used longest ago. 0 or -errno. */
static int find_image(struct unwinder *u, const struct capture *c, struct image **ret_image)
{
	const struct program_id program = {.tgid = c->tgid, .start_ns = c->start_ns, .exec_id = c->exec_id};
	struct image *oldest = &u->images[0];
	int err;

	for (size_t i = 0; i < IMAGES; i++) {
		struct image *image = &u->images[i];

		if (is_of(image, c)) {
			image->used = ++u->uses;
			*ret_image = image;
			return 0;
		}
		if (image->used < oldest->used)
			oldest = image;
	}
	image_close(oldest);
	err = image_open(oldest, u->source, &program, clock_now_ns());
	if (err)
		return err;
	oldest->used = ++u->uses;
	*ret_image = oldest;
	return 0;
}

/* In memory of no file: by what the program's runtime says of it. */
static bool put_generated(struct walk *w, uint64_t pc, uint64_t addr, bool *ret_of_runtime)
{
	struct unwinder *u = w->unwinder;
	char name[PERF_NAME_MAX];
	struct perf_name n;
	uint64_t offset;
	int error;
	const struct perf_map *map = perf_maps_of(&u->maps, u->source, &w->image->program, &error);

	if (error == -ETIMEDOUT || error == -EAGAIN)
		w->image->late = true;
	if (!map || !perf_map_find(map, addr, name, &offset))
		return false;
	perf_name_parse(name, &n);
	w->generated = true;
	w->trampoline = trampoline_is(name);
	*ret_of_runtime = n.of_runtime;
	if (n.function_len > FRAME_NAME_MAX)
		n.function_len = FRAME_NAME_MAX;
	if (!n.file)
		frame_text_put(&w->text, "%.*s+0x%" PRIx64 " (perf map)\n", (int)n.function_len, n.function,
			       offset + (pc - addr));
	else if (!n.line)
		frame_text_put(&w->text, "%.*s (%.*s)\n", (int)n.function_len, n.function, (int)n.file_len, n.file);
	else
		frame_text_put(&w->text, "%.*s (%.*s:%u)\n", (int)n.function_len, n.function, (int)n.file_len, n.file, n.line);
	return true;
}

/* Counts the lines from `from` on, those of the last frame, and looks for the first that is the programmer's own. */
static void look_at(struct walk *w, const char *from, bool is_library)
{
	for (const char *line = from, *end; line < w->text.p; line = end + 1) {
		end = memchr(line, '\n', (size_t)(w->text.p - line));
		if (!end)
			return; /* cut */
		w->lines++;
		if (!w->own && !is_library && !runtime_has_function(line) && !(w->frames == 1 && runtime_is_call(line)))
			w->own = w->lines;
	}
}

/* Between the functions of a program that is interpreted stands the interpreter, each time: that is left out. */
static void put_frame(struct walk *w, Dwarf_Addr pc, bool exact)
{
	Dwarf_Addr addr = exact ? pc : pc - 1;
	Dwfl_Module *mod = dwfl_addrmodule(w->image->dwfl, addr);
	const char *from = w->text.p;
	bool is_library = true, in_runtime;
	struct runtime runtime;

	if (mod) {
		is_library = image_is_library(mod, &runtime);
		in_runtime = runtime.kind && runtime.kind == w->image->runtime.kind;
		w->in_runtime |= in_runtime;
		if (in_runtime && w->generated)
			return;
		frame_name_put(&w->unwinder->names, mod, pc, exact, &w->text);
	} else if (!put_generated(w, pc, addr, &is_library)) {
		w->strange = true;
		frame_text_put(&w->text, "0x%" PRIx64 "\n", (uint64_t)pc);
	}
	w->frames++;
	look_at(w, from, is_library);
}

static int on_frame(Dwfl_Frame *frame, void *arg)
{
	struct walk *w = arg;
	Dwarf_Addr pc;
	bool exact;

	if (w->frames == FRAMES_MAX || w->steps == STEPS_MAX || w->text.end - w->text.p < 2 ||
	    !dwfl_frame_pc(frame, &pc, &exact))
		return DWARF_CB_ABORT;
	if (w->again) /* it begins behind a call */
		exact = w->again = false;
	w->steps++;
	w->trampoline = false;
	put_frame(w, pc, exact || w->steps == 1);
	w->again = w->trampoline && trampoline_leave(frame, w->image->capture, w->regs);
	return w->again ? DWARF_CB_ABORT : DWARF_CB_OK;
}

/* Without the last newline, and with no more lines than a record has room for. */
static void end_text(struct walk *w)
{
	unsigned int lines = 0;

	for (char *p = w->begin; p < w->text.p; p++) {
		if (*p == '\n' && (++lines == UNWINDER_LINES_MAX || p + 1 == w->text.p))
			w->text.p = p;
	}
	*w->text.p = '\0';
}

static void walk(struct walk *w, struct image *image, const struct capture *c)
{
	unsigned int before;

	w->image = image;
	w->text.p = w->begin;
	w->steps = w->frames = w->lines = w->own = 0;
	w->strange = w->generated = w->in_runtime = false;
	w->again = false;
	image->capture = c;
	image->regs = c->regs;
	do {
		before = w->steps;
		w->whole = !dwfl_getthread_frames(image->dwfl, (pid_t)image->program.tgid, on_frame, w);
		image->regs = w->regs;
	} while (w->again && w->steps > before);
	image->capture = NULL;
	end_text(w);
}

/* The files that it has mapped by now may be others. False: it is gone, and what is known of it is all there will be. */
static bool may_refresh(const struct unwinder *u, const struct image *image)
{
	struct module_range ranges[MODULES_MAX];

	return clock_now_ns() - image->opened_ns >= AGE_MAX_NS &&
	       u->source->modules(u->source->ctx, &image->program, ranges) >= 0;
}

/* What its language needs for names of the programmer's own functions. */
static enum wire_stack_hint hint_of(const struct walk *w, const struct runtime *r)
{
	switch (r->kind) {
	case RUNTIME_PYTHON:
		if (w->generated || !w->in_runtime)
			return WIRE_STACK_HINT_NONE;
		return r->version && r->version < PYTHON_WITH_PERF ? WIRE_STACK_HINT_PYTHON_OLD : WIRE_STACK_HINT_PYTHON;
	case RUNTIME_JAVA:
		return w->own || (!w->strange && !w->generated && !w->in_runtime) ? WIRE_STACK_HINT_NONE : WIRE_STACK_HINT_JAVA;
	case RUNTIME_NODE:
		return w->generated ? WIRE_STACK_HINT_NODE_LOOP : w->in_runtime ? WIRE_STACK_HINT_NODE : WIRE_STACK_HINT_NONE;
	default:
		return WIRE_STACK_HINT_NONE;
	}
}

static struct wire_stack_about about(const struct walk *w, const struct image *image)
{
	return (struct wire_stack_about){
		.hint = hint_of(w, &image->runtime),
		.version = image->runtime.version,
		.own = w->own <= UNWINDER_LINES_MAX ? (__u8)w->own : 0,
	};
}

enum wire_stack_note unwinder_trace(struct unwinder *u, const struct capture *c, char *text, size_t size,
				    struct wire_stack_about *ret_about)
{
	struct walk w = {.unwinder = u, .begin = text, .text = {text, text + size}};
	struct image *image;
	int err = find_image(u, c, &image);

	text[0] = '\0';
	*ret_about = (struct wire_stack_about){0};
	if (err)
		return err == -ESRCH ? WIRE_STACK_PROCESS_GONE : WIRE_STACK_UNREADABLE;
	image->late = false;
	walk(&w, image, c);
	if (w.strange && may_refresh(u, image)) {
		image_close(image);
		if (!find_image(u, c, &image))
			walk(&w, image, c);
	}
	if (image->late)
		return WIRE_STACK_UNREADABLE;
	if (image->gone) {
		text[0] = '\0';
		return WIRE_STACK_PROCESS_GONE;
	}
	if (!w.frames)
		return WIRE_STACK_NOT_TAKEN;
	*ret_about = about(&w, image);
	return w.whole ? WIRE_STACK_WHOLE : WIRE_STACK_CUT;
}
