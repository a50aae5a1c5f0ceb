/* SPDX-License-Identifier: GPL-2.0-only */
/* Where functions of the kernel lie. */
#pragma once

#include "bpf/shared.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define SYMBOL_TIMER CALLERS_MAX /* tw_timer_handler, behind those of enum caller */
#define SYMBOLS (CALLERS_MAX + 1)

struct symbols {
	struct caller_range range[SYMBOLS]; /* 0: not known; valid after symbols_end() */
	pthread_t thread;
	bool reading;
};

/* 0: this process may see addresses, else -errno. One that it may not see is shown as 0. */
int symbols_try(void);
#define SYMBOLS_HIDDEN "/proc/kallsyms shows no addresses: "
#define SYMBOLS_KPTR SYMBOLS_HIDDEN "kernel.kptr_restrict may be 2"

/* All zero before. */
void symbols_begin(struct symbols *symbols);
void symbols_end(struct symbols *symbols); /* waits; all zero is fine */
