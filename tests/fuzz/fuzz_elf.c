// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file of any bytes as the program, and as its debug information, of a process whose stack is unwound: the first 8 bytes say
 * where in it the process stands. Whatever it is: text that the tracer takes from a parser, and no descriptor stays open.
 */
#include "src/symbols/file_source.h"
#include "src/symbols/stream_check.h"
#include "src/symbols/unwind.h"
#include "bpf/shared.h"
#include "src/core/wire_make.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LOW 0x400000u /* where the linker puts a program that is not moved */
#define STACK 0x7ff000000000u
#define PLACE_BYTES 8

struct input {
	const uint8_t *data;
	size_t size;
};

/*
 * Of the sanitizers': our own faults count here. libdw has some (0.188 reads beyond a .debug_line whose names do not end, and
 * does not free all that it allocates), for which the parser is a process of its own. What it allocates is bounded as there.
 */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "replace_str=0:replace_intrin=0:intercept_strlen=0:intercept_strchr=0:intercept_strcmp=0:intercept_memcmp=0:"
	       "intercept_strndup=0:"
	       "allocator_may_return_null=1:max_allocation_size_mb=1024";
}

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libdw\nleak:libelf\n";
}

#define check(holds) check_at((holds), #holds)

/* A fault names itself: the fuzzer's own report shows no line of it. */
static void check_at(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_elf: does not hold: %s\n", what);
	abort();
}

static int modules(void *ctx, const struct program_id *program, struct module_range *ret_modules)
{
	(void)ctx, (void)program;
	ret_modules[0] = (struct module_range){LOW, LOW + 0x100000, LOW, LOW + 0x100000, "program", 0};
	return 1;
}

static int open_bytes(const struct input *input)
{
	int fd = memfd_create("input", MFD_CLOEXEC);

	if (fd >= 0)
		check(write(fd, input->data, input->size) == (ssize_t)input->size);
	return fd;
}

static int open_file(void *ctx, const struct program_id *program, const struct module_range *module)
{
	(void)program, (void)module;
	return open_bytes(ctx);
}

static int open_debug(void *ctx, const uint8_t *build_id, size_t len)
{
	(void)build_id;
	check(len >= 4 && len <= 64);
	return open_bytes(ctx);
}

/* As the tracer checks it. */
static void check_text(enum wire_stack_note note, const char *text, const struct wire_stack_about *about)
{
	static struct stream_check stream;
	const struct wire_text head = {.hdr = {.kind = WIRE_STACK}, .key = 1, .key2 = note};
	union wire_text_space space;
	union stream_event event;
	const struct wire_hdr *ev = wire_make_path(&space, &head, text, about);
	size_t room;

	stream_check_reset(&stream);
	memcpy(stream_check_room(&stream, &room), ev, ev->len);
	stream_check_added(&stream, ev->len);
	check(stream_check_next(&stream, &event) == 1);
}

static int lowest_free(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct capture c;
	struct input input = {data, 0};
	const struct file_source source = {&input, modules, open_file, open_debug, NULL};
	struct wire_stack_about about;
	struct unwinder *unwinder;
	char text[UNWINDER_TEXT_MAX];
	uint64_t place, word;
	int free_before = lowest_free();

	if (size < PLACE_BYTES)
		return 0;
	input = (struct input){data + PLACE_BYTES, size - PLACE_BYTES};
	memcpy(&place, data, sizeof(place));
	memset(&c, 0, sizeof(c));
	c.tgid = 1;
	c.len = 1024;
	for (size_t i = 0; i < DWARF_REGS; i++)
		c.regs[i] = STACK + i;
	c.regs[DWARF_RSP] = STACK;
	c.regs[DWARF_RBP] = STACK + 64;
	c.regs[DWARF_RIP] = LOW + place % 0x100000;
	for (size_t at = 0; at < c.len; at += sizeof(word)) { /* it was called from all over the program */
		word = at % 32 ? LOW + (place + at * 4) % 0x10000 : STACK + at + 32;
		memcpy(c.stack + at, &word, sizeof(word));
	}
	unwinder = unwinder_new(&source);
	check(unwinder != NULL);
	for (int round = 0; round < 2; round++) { /* the second time names are known */
		enum wire_stack_note note = unwinder_trace(unwinder, &c, text, sizeof(text), &about);

		check_text(note, text, &about);
	}
	unwinder_free(unwinder);
	check(lowest_free() == free_before);
	return 0;
}
