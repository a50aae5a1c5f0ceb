// SPDX-License-Identifier: GPL-2.0-only
/* Stacks of this very process: unwound to main(), and not at all if it is not the process or the program of the capture. */
#include "src/symbols/frame.h"
#include "src/symbols/target_files.h"
#include "src/symbols/unwind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include <cmocka.h>

#include "bpf/shared.h"
#include "src/host/procfs.h"

static char text[2000];

#ifdef __x86_64__
/* As bpf/stack.bpf.c takes it: registers, and the stack from the stack pointer on. */
__attribute__((no_sanitize("address"))) static void fill(struct capture *c)
{
	static const int from[DWARF_REGS] = {
		[DWARF_RAX] = REG_RAX,    [DWARF_RDX] = REG_RDX,    [DWARF_RCX] = REG_RCX,    [DWARF_RBX] = REG_RBX,
		[DWARF_RSI] = REG_RSI,    [DWARF_RDI] = REG_RDI,    [DWARF_RBP] = REG_RBP,    [DWARF_RSP] = REG_RSP,
		[DWARF_R8] = REG_R8,      [DWARF_R8 + 1] = REG_R9,  [DWARF_R8 + 2] = REG_R10, [DWARF_R8 + 3] = REG_R11,
		[DWARF_R8 + 4] = REG_R12, [DWARF_R8 + 5] = REG_R13, [DWARF_R8 + 6] = REG_R14, [DWARF_R15] = REG_R15,
		[DWARF_RIP] = REG_RIP,
	};
	struct procfs_stat stat;
	ucontext_t here;

	*c = (struct capture){.cookie = 1, .tgid = (uint32_t)getpid()};
	if (!procfs_stat(c->tgid, &stat) || getcontext(&here))
		return;
	c->start_ns = stat.start_ticks * (1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK));
	c->exec_id = stat.exec_id;
	for (int i = 0; i < DWARF_REGS; i++)
		c->regs[i] = (uint64_t)here.uc_mcontext.gregs[from[i]];
	c->len = 2048;
	for (size_t i = 0; i < c->len; i++) /* all of it, whatever a sanitizer has put between our variables */
		c->stack[i] = ((const volatile uint8_t *)c->regs[DWARF_RSP])[i];
}

static int modules(void *ctx, const struct program_id *program, struct module_range *ret_modules)
{
	return target_modules(ctx, program, ret_modules);
}

static int open_file(void *ctx, const struct program_id *program, const struct module_range *module)
{
	return target_open(ctx, program, module->start, module->end);
}

static int open_debug(void *ctx, const uint8_t *build_id, size_t len)
{
	(void)ctx;
	return target_open_debug(build_id, len);
}

static int open_map(void *ctx, const struct program_id *program)
{
	return target_open_map(ctx, program);
}

/* Each time with an unwinder that has seen nothing yet. */
static enum wire_stack_note trace(const struct capture *c)
{
	const struct file_source files = {target_files_new(), modules, open_file, open_debug, open_map};
	struct unwinder *unwinder = unwinder_new(&files);
	struct wire_stack_about about;
	enum wire_stack_note note;

	assert_non_null(unwinder);
	note = unwinder_trace(unwinder, c, text, sizeof(text), &about);
	unwinder_free(unwinder);
	free(files.ctx);
	return note;
}

static void our_own(void **state)
{
	struct capture c;

	(void)state;
	fill(&c);
	trace(&c);
	assert_non_null(strstr(text, "our_own"));
	assert_null(strstr(text, "trace"));
}

static void another_process(void **state)
{
	struct capture c;

	(void)state;
	fill(&c);
	c.start_ns -= 1000000000;
	assert_int_equal(trace(&c), WIRE_STACK_PROCESS_GONE);
	assert_string_equal(text, "");
}

/* exec() leaves the pid and its start: only where the arguments stand shows it. */
static void another_program(void **state)
{
	struct capture c;

	(void)state;
	fill(&c);
	c.exec_id += 4096;
	assert_int_equal(trace(&c), WIRE_STACK_PROCESS_GONE);
	assert_string_equal(text, "");
}

/* The last byte of a line without room for its newline is a name's too: the tracer drops a parser that sends such a byte. */
static void a_cut_name_is_printable(void **state)
{
	char space[8];
	struct frame_text text = {space, space + sizeof(space)};

	(void)state;
	frame_text_put(&text, "%s\n",
		       "\x01"
		       "abc\n"
		       "e\xff"
		       "fgh");
	assert_string_equal(space, "?abc?e?");
	text = (struct frame_text){space, space + sizeof(space)};
	frame_text_put(&text, "%s\n", "a\xff");
	assert_string_equal(space, "a?\n");
}

#endif

int main(void)
{
#ifdef __x86_64__
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cut_name_is_printable),
		cmocka_unit_test(our_own),
		cmocka_unit_test(another_process),
		cmocka_unit_test(another_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
#else
	return 0; /* --stacks works on x86-64 only */
#endif
}
