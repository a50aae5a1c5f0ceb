// SPDX-License-Identifier: GPL-2.0-only
#include "stack_hint.h"

#include "put.h"
#include "src/core/record_types.h"

static const char *const hints[] = {
	[WIRE_STACK_HINT_NONE] = "",
	[WIRE_STACK_HINT_PYTHON] = "needs: python3 -X perf (3.12 or later",
	[WIRE_STACK_HINT_PYTHON_OLD] = "needs: python3 -X perf (3.12 or later",
	[WIRE_STACK_HINT_JAVA] =
		"needs: java -XX:+PreserveFramePointer, then jcmd PID Compiler.perfmap (17 or later) for what is compiled",
	[WIRE_STACK_HINT_NODE] =
		"needs: node --perf-basic-prof --interpreted-frames-native-stack; sockets are opened off the caller's stack",
	[WIRE_STACK_HINT_NODE_LOOP] = "Node opens sockets off the caller's stack: its line is not among these",
};
_Static_assert(sizeof(hints) / sizeof(hints[0]) == WIRE_STACK_HINT_MAX, "a hint has no text");

void put_stack_hint(struct buf *b, const struct record_stack *stack)
{
	const struct wire_stack_about *about = &stack->about;

	buf_str(b, hints[about->hint]);
	if (about->hint == WIRE_STACK_HINT_PYTHON_OLD)
		put_text_uint(b, "; this is 3.", about->version);
	if (about->hint == WIRE_STACK_HINT_PYTHON || about->hint == WIRE_STACK_HINT_PYTHON_OLD)
		buf_char(b, ')');
}

int stack_own_line(const struct record_stack *stack)
{
	int lines = *stack->frames ? 1 : 0;

	for (const char *p = stack->frames; *p; p++)
		lines += *p == '\n';
	return stack->about.own <= lines ? stack->about.own - 1 : -1;
}
