// SPDX-License-Identifier: GPL-2.0-only
/* Stacks of this very process: unwound to main(), and not at all if it is not the process or the program of the capture. */
#include "src/symbols/unwind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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

/* Each time with an unwinder that has seen nothing yet. */
static enum wire_stack_note trace(const struct capture *c)
{
	static struct unwinder *all[8]; /* they live as long as the process */
	static unsigned int n;

	assert_true(n < 8);
	all[n] = unwinder_new();
	assert_non_null(all[n]);
	return unwinder_trace(all[n++], c, text, sizeof(text));
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
#endif

int main(void)
{
#ifdef __x86_64__
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_own),
		cmocka_unit_test(another_process),
		cmocka_unit_test(another_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
#else
	return 0; /* --stacks works on x86-64 only */
#endif
}
