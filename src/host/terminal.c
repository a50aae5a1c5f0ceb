// SPDX-License-Identifier: GPL-2.0-only
#include "terminal.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

bool terminal_hung_up(void)
{
	struct pollfd fds[] = {{.fd = STDIN_FILENO}, {.fd = STDOUT_FILENO}, {.fd = STDERR_FILENO}};
	struct stat st;

	poll(fds, 3, 0);
	for (int i = 0; i < 3; i++)
		if ((fds[i].revents & POLLHUP) && !fstat(fds[i].fd, &st) && S_ISCHR(st.st_mode))
			return true; /* isatty() no longer knows it */
	return false;
}

unsigned int terminal_columns(int fd)
{
	struct winsize size;

	return isatty(fd) && !ioctl(fd, TIOCGWINSZ, &size) ? size.ws_col : 0;
}

bool terminal_has_colour(void)
{
	const char *unwanted = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(unwanted && *unwanted) && term && *term && strcmp(term, "dumb") != 0;
}
