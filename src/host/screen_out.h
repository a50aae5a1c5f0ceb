/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is written to a terminal, without ever waiting for it. Whoever writes does so into memory, by a descriptor that looks
 * like any other; from there it goes on as far as the terminal takes it. A terminal that is not read, by a slow line or a
 * program that has stopped, so stops nobody else.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct screen_out {
	int tty;    /* a description of its own: O_NONBLOCK is nobody else's */
	int memory; /* what was written */
	off_t sent; /* so much of it has gone on */
};

/* Of the terminal `fd`. 0 or -errno; then nothing has to be closed. */
int screen_out_open(struct screen_out *out, int fd);
void screen_out_close(struct screen_out *out);

/* From now on `fd` writes into memory. 0 or -errno. */
int screen_out_divert(struct screen_out *out, int fd);

/* Writes what the terminal takes now. True: all is gone, or the terminal is. */
bool screen_out_flush(struct screen_out *out);

/* Forgets what waits. */
bool screen_out_drop(struct screen_out *out);
