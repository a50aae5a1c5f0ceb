// SPDX-License-Identifier: GPL-2.0-only
/*
 * shifter PORT TIMES HOW: connects TIMES times to 127.0.0.1:PORT, and each time becomes the other program of its folder:
 * "former" and "latter" are copies of it. HOW "same": its addresses are not random, so that both programs have their arguments
 * in one place. "set": it sets that place by prctl() itself, or exits with 77 where it cannot. A connection ends before exec(),
 * by it, or as the next program begins; at the end, TIMES is 0, the process exits with the last one open.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <libgen.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PLACE ((char *)0x10000000)
#define UNSUPPORTED 77
#define KEPT 9 /* a descriptor that the next program closes */

static void must(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
}

/* Arguments and paths have the same length each time, so that they begin at the same address. */
static void become(char *folder, const char *name, char **argv, int times)
{
	char path[4096], left[16];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	snprintf(left, sizeof(left), "%06d", times);
	execl(path, "shifter", argv[1], left, argv[3], (char *)NULL);
	must(-1, path);
}

/* Any user may do this, if the kernel has CONFIG_CHECKPOINT_RESTORE. All other places stay what /proc/self/stat says. */
static void set_place(void)
{
	void *page = mmap(PLACE, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	struct prctl_mm_map map = {.exe_fd = -1, .brk = (uintptr_t)sbrk(0)};
	FILE *stat = fopen("/proc/self/stat", "r");
	unsigned long long at[52] = {0};

	must(page == PLACE && stat ? fscanf(stat, "%*d %*s %*c") : -1, "mmap");
	for (int i = 4; i < 52; i++)
		fscanf(stat, "%llu", &at[i]);
	fclose(stat);
	map.start_code = at[26], map.end_code = at[27], map.start_stack = at[28];
	map.start_data = at[45], map.end_data = at[46], map.start_brk = at[47];
	map.arg_start = (uintptr_t)PLACE, map.arg_end = at[49];
	map.env_start = at[50], map.env_end = at[51];
	if (prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0))
		exit(UNSUPPORTED);
}

static int connect_to(int port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	must(fd, "socket");
	must(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), "connect");
	return fd;
}

int main(int argc, char **argv)
{
	static char self[4096]; /* zeroed: readlink() ends no text */
	int times = argc == 4 ? atoi(argv[2]) : -1, fd;
	char *name;

	must(times, "usage");
	must(readlink("/proc/self/exe", self, sizeof(self) - 1), "readlink");
	if (strcmp(argv[3], "same") == 0 && !(personality(0xffffffff) & ADDR_NO_RANDOMIZE)) {
		personality(ADDR_NO_RANDOMIZE);
		become(dirname(self), "latter", argv, times);
	}
	if (strcmp(argv[3], "set") == 0)
		set_place();
	close(KEPT);
	fd = connect_to(atoi(argv[1]));
	if (!times)
		return 0;
	if (times % 3 == 0)
		close(fd);
	else if (times % 3 == 1)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	else
		must(dup2(fd, KEPT) == KEPT && close(fd) == 0 ? 0 : -1, "dup2");
	name = strcmp(strrchr(self, '/') + 1, "former") ? "former" : "latter";
	become(dirname(self), name, argv, times - 1);
}
