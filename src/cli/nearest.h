/* SPDX-License-Identifier: GPL-2.0-only */
/* What a user may have meant. */
#pragma once

/* Takes candidates one after the other, and keeps the nearest. */
struct nearest {
	const char *word;  /* what the user typed */
	const char *found; /* NULL: no candidate is near enough */
	unsigned int distance;
};

void nearest_try(struct nearest *nearest, const char *candidate);
