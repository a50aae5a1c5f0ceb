// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looks like a new program at each connection: it renames itself, and it moves its arguments, as exec() does and as any process
 * may. Connects COUNT times to a port of 127.0.0.1 where nobody listens, in this network namespace.
 */
#include <arpa/inet.h>
#include <linux/prctl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static char places[4096];

/* proc(5): fields 26 to 28 and 45 to 51 of /proc/self/stat. */
static int read_map(struct prctl_mm_map *map)
{
	FILE *file = fopen("/proc/self/stat", "re");
	unsigned long long v[52] = {0};
	char line[2048], *at;

	if (!file || !fgets(line, sizeof(line), file) || !(at = strrchr(line, ')')))
		return -1;
	fclose(file);
	at += 4; /* behind the state */
	for (int i = 4; i < 52; i++)
		v[i] = strtoull(at, &at, 10);
	*map = (struct prctl_mm_map){.start_code = v[26],
				     .end_code = v[27],
				     .start_stack = v[28],
				     .start_data = v[45],
				     .end_data = v[46],
				     .start_brk = v[47],
				     .brk = (unsigned long)sbrk(0),
				     .arg_end = v[49],
				     .env_start = v[50],
				     .env_end = v[51],
				     .exe_fd = (__u32)-1};
	return 0;
}

static int become_new(struct prctl_mm_map *map, unsigned int i)
{
	char name[32];

	snprintf(name, sizeof(name), "renewer-%u", i % 1000000);
	map->arg_start = (unsigned long)places + i % sizeof(places);
	return prctl(PR_SET_NAME, name) || prctl(PR_SET_MM, PR_SET_MM_MAP, map, sizeof(*map), 0);
}

int main(int argc, char **argv)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	unsigned int count = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
	struct prctl_mm_map map;

	if (!count || read_map(&map))
		return 2;
	for (unsigned int i = 0; i < count; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0 || become_new(&map, i)) {
			perror("renewer");
			return 1;
		}
		connect(fd, (struct sockaddr *)&addr, sizeof(addr)); /* refused */
		close(fd);
	}
	return 0;
}
