/* SPDX-License-Identifier: GPL-2.0-only */
/* Which leaks one look at the sockets and the look before have in common. */
#pragma once

#include "leak_group.h"

struct leak_cookies {
	uint64_t *cookies; /* sorted */
	uint32_t len, room;
};

struct leak_looks {
	struct leak_cookies now, before;
	bool any; /* there was a look */
	struct leak_change change;
};

/* Compares what was chosen in the look before with what is chosen now. 0 or -ENOMEM. */
int leak_looks_take(struct leak_looks *looks, const struct leak_set *set, const struct leak_choice *choice);
bool leak_looks_has_new(const struct leak_looks *looks, uint64_t cookie);
void leak_looks_free(struct leak_looks *looks); /* all zero is fine */
