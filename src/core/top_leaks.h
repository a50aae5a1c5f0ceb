/* SPDX-License-Identifier: GPL-2.0-only */
/* Leaks in CLOSE_WAIT that go on, from the alerts that began and ended them. */
#pragma once

#include "record_types.h"

#define TOP_LEAKS_MAX 1000u

struct top_leak {
	struct leak_socket socket; /* without its holders */
	struct leak_alert alert;
	uint64_t count;   /* sockets */
	uint64_t aged_ns; /* when socket.age_ns was right */
};

struct top_leaks { /* all zero is empty */
	struct top_leak *items;
	size_t len;
	uint64_t sockets;  /* that all of them stand for, also those without a place */
	uint64_t left_out; /* alerts without a place */
};

/* A record of CLOSE_WAIT_LEAK or CLOSE_WAIT_RESOLVED; others do nothing. */
void top_leaks_take(struct top_leaks *leaks, const struct record *rec);
void top_leaks_sort(struct top_leaks *leaks); /* the most sockets first, then the oldest */
void top_leaks_free(struct top_leaks *leaks);
