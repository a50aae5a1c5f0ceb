/* SPDX-License-Identifier: GPL-2.0-only */
/* A live run that says how it is to whoever asks at its socket: `tcplife-fsm status`, in status.c. */
#pragma once

#include "src/pipeline/consumer.h"
#include "status_fill.h"

struct options;
struct status_run;

/* Where runs have their sockets that are given no other: status.sock, and of runs beside it status-2.sock and so on. */
#define STATUS_DIR "/run/tcplife-fsm"
#define STATUS_ENDING ".sock"
#define STATUS_RUNS 8

/*
 * Takes a socket, and names on stderr other runs that are met there. The exit code; *out stays NULL if there is no socket for
 * this run: the options say so, or the folder of sockets cannot be used.
 */
int status_run_open(struct status_run **out, const struct options *options, const struct status_sources *sources);
void status_run_close(struct status_run *run); /* NULL is fine */

struct record_consumer status_run_consumer(struct status_run *run);

/* For a loop: status_run_answer() is a loop_fn. */
int status_run_fd(const struct status_run *run);
void status_run_answer(void *run);
