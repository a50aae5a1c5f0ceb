/* SPDX-License-Identifier: GPL-2.0-only */
/* Threads beside the main one, which takes the signals. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

/* All signals are blocked in it. 0 or -errno. */
int thread_start(pthread_t *ret_thread, void *(*fn)(void *ctx), void *ctx);

/* False: it has not ended within so many seconds. Whoever sets the time of day changes nothing. */
bool thread_join_within(pthread_t thread, unsigned int seconds);
