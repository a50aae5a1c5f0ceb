// SPDX-License-Identifier: GPL-2.0-only
#include "terminfo.h"

#include <curses.h>
#include <term.h>

bool terminfo_load(int fd)
{
	int found = 0;

	return setupterm(NULL, fd, &found) == OK && terminfo_text("cup");
}

const char *terminfo_text(const char *name)
{
	const char *text = tigetstr(name);

	return text == (char *)-1 ? NULL : text; /* -1: no capability has this name */
}
