// SPDX-License-Identifier: GPL-2.0-only
#include "trampoline.h"

#include "bpf/shared.h"

#include <string.h>

#define WORD sizeof(uint64_t)

/* Of elfutils 0.188 on. */
extern int dwfl_frame_reg(Dwfl_Frame *frame, unsigned int number, Dwarf_Word *value) __attribute__((weak));

bool trampoline_is(const char *name)
{
	return !strncmp(name, "py::", 4);
}

static bool read_word(const struct capture *c, uint64_t address, __u64 *ret)
{
	uint64_t offset = address - c->regs[DWARF_RSP];

	if (c->len < WORD || offset > c->len - WORD)
		return false;
	memcpy(ret, c->stack + offset, WORD);
	return true;
}

bool trampoline_leave(Dwfl_Frame *frame, const struct capture *c, __u64 *regs)
{
	__u64 stack;

	for (unsigned int i = 0; i < DWARF_REGS; i++) {
		Dwarf_Word value;

		regs[i] = dwfl_frame_reg && !dwfl_frame_reg(frame, i, &value) ? value : 0;
	}
	stack = regs[DWARF_RSP];
	if (!stack || !read_word(c, stack + WORD, &regs[DWARF_RIP]))
		return false;
	if (regs[DWARF_RBP] == stack && !read_word(c, stack, &regs[DWARF_RBP])) /* it has made a frame */
		return false;
	regs[DWARF_RSP] = stack + 2 * WORD;
	return true;
}
