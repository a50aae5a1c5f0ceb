/* SPDX-License-Identifier: GPL-2.0-only */
/* What terminfo says of a terminal. In a file of its own: the macros of <term.h> take common words. */
#pragma once

#include <stdbool.h>

/* Terminfo knows the terminal by the name in $TERM, and it can move its cursor. */
bool terminfo_load(int fd);

/* A capability's text; NULL: the terminal has none. After terminfo_load(). */
const char *terminfo_text(const char *name);
