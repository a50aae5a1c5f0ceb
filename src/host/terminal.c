// SPDX-License-Identifier: GPL-2.0-only
#include "terminal.h"

#include <poll.h>
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
