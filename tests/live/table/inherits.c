// SPDX-License-Identifier: GPL-2.0-only
/* A client that starts a daemon, which gets its connections, too. Then it closes them. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(5000)};
	bool fix = argc > 1 && !strcmp(argv[1], "fix");
	int fds[3];

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < 3; i++) {
		fds[i] = fix ? socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) : socket(AF_INET, SOCK_STREAM, 0);
		if (connect(fds[i], (struct sockaddr *)&addr, sizeof(addr)))
			return 1;
	}
	sleep(2);
	if (system("sleep 300 </dev/null >/dev/null &"))
		return 1;
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	puts("used");
	fflush(stdout);
	return getchar() == EOF;
}
