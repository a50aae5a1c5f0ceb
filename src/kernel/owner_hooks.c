// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which hooks show whose an accepted connection is. Reads show it everywhere. Who only writes is shown by a tracepoint from
 * Linux 6.3 on, and before by fentry, if the kernel does not refuse that.
 */
#include "internal.h"
#include "src/host/self.h"

#include <string.h>

static struct hook_state *find(struct collector *c, const char *program)
{
	for (size_t i = 0; i < c->trace_n; i++) {
		if (!strcmp(c->hooks[i].hook->program, program))
			return &c->hooks[i];
	}
	return NULL;
}

/* A program that the kernel refuses would keep all others from loading. */
static void try_here(struct hook_state *state, const struct kernel_btf *btf)
{
	int err = state->available ? try_fexit(btf, state->hook->name) : 0;

	if (!err)
		return;
	state->available = false;
	hook_set_why(state, "%s (%s)", self_no_descriptor(err) ? "not tried" : "this kernel refuses fentry programs",
		     self_error(err));
}

void owner_hooks_choose(struct collector *c)
{
	struct hook_state *send = find(c, "on_send"), *sendmsg = find(c, "on_sendmsg"), *accept = find(c, "on_accepted");

	if (send->available) {
		sendmsg->available = false;
		sendmsg->not_needed = true;
		hook_set_why(sendmsg, "not needed: sock_send_length shows it");
	} else {
		try_here(sendmsg, c->types);
	}
	try_here(accept, c->types);
	accept->not_needed = !accept->available && (send->available || sendmsg->available);
	send->not_needed = !send->available && sendmsg->available;
}
