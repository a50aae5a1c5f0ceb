/* SPDX-License-Identifier: GPL-2.0-only */
/* Asks the kernel which program a thread runs: what /proc says of that, prctl() can set. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define EXEC_PROBE_REFUSED "the program that checks which executable a process runs cannot be loaded, so that none is shown: %s"

struct exec_probe;
struct exec_shown;

/* 0 or -errno. */
int exec_probe_open(struct exec_probe **out);
void exec_probe_close(struct exec_probe *probe); /* NULL is fine */

/* An owner_exec_fn: `probe` is a struct exec_probe. */
bool exec_probe_read(void *probe, uint32_t tid, struct exec_shown *ret_shown);

/* For privileges_reduce(): iterators can be made and read. False for NULL: nothing shows it. */
bool exec_probe_works(void *probe);
