// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any bytes as a linker's name: there is a text that fits, or none. Names can be made over which libiberty (2.40) thinks for
 * ages. That is its own fault, and the parser's time is bounded from outside: such a name is given up after a second.
 */
#include "src/symbols/demangle.h"

#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static sigjmp_buf ages;

static void give_up(int signal)
{
	(void)signal;
	siglongjmp(ages, 1);
}

/* 0: never. */
static void give_up_after(time_t seconds)
{
	signal(SIGVTALRM, give_up);
	setitimer(ITIMER_VIRTUAL, &(struct itimerval){.it_value.tv_sec = seconds}, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *const name = malloc(size + 1);
	char text[101];

	if (!name)
		return 0;
	if (sigsetjmp(ages, 1)) {
		free(name);
		return 0;
	}
	give_up_after(1);
	memcpy(name, data, size);
	name[size] = '\0';
	for (size_t room = 1; room <= sizeof(text); room += 50) {
		memset(text, 'x', sizeof(text));
		if (demangle(name, text, room) &&
		    (strnlen(text, room) == room || memchr(text + room, '\0', sizeof(text) - room)))
			abort();
	}
	give_up_after(0);
	free(name);
	return 0;
}
