// SPDX-License-Identifier: GPL-2.0-only
/* Connects once for each name: strange ADDRESS PORT HEX... with the bytes of the name as the name of the process. Then it stays
 * until its standard input ends, since the path of a process that has ended cannot be read. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

static void take_name(const char *hex)
{
	char name[17] = "";

	for (size_t i = 0; i < sizeof(name) - 1 && hex[0] && hex[1]; i++, hex += 2) {
		unsigned int byte;

		sscanf(hex, "%2x", &byte);
		name[i] = (char)byte;
	}
	prctl(PR_SET_NAME, name);
}

/* Says something and reads to the end, which comes once the server has closed. */
static int talk(const char *address, const char *port)
{
	struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char byte;

	if (inet_pton(AF_INET, address, &peer.sin_addr) != 1 || connect(fd, (struct sockaddr *)&peer, sizeof(peer)))
		return 1;
	if (write(fd, "x", 1) != 1 || read(fd, &byte, 1) != 0)
		return 1;
	return close(fd);
}

int main(int argc, char **argv)
{
	char byte;

	if (argc < 4)
		return 2;
	for (int i = 3; i < argc; i++) {
		take_name(argv[i]);
		if (talk(argv[1], argv[2]))
			return 1;
	}
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
