/* SPDX-License-Identifier: GPL-2.0-only */
/* The rules of findings: from which number on something is wrong. Pure functions of numbers. */
#pragma once

#include "finding.h"

#include <sys/socket.h>

/* How long a connection must have been in SYN_SENT. The SYN was repeated after 1 s and after 3 s (RFC 6298, 2 and 5.5). */
#define FINDING_SYN_NS 3000000000ull

/* Our FIN or what stands before it, without any progress: in a state that lasts a round trip. Five repeats at the usual RTT. */
#define FINDING_FIN_NS 10000000000ull

/* A full accept queue whose oldest connection waits for so long is no burst; a younger one must be full twice. */
#define FINDING_ACCEPT_NS 1000000000ull

/* Counts per time are counts in so much time, which is how often they are judged. */
#define FINDING_WINDOW_NS 10000000000ull

/* Who finds it out. */
enum finding_source {
	FINDING_BY_SCAN,   /* a leak scan */
	FINDING_BY_WINDOW, /* what was seen in FINDING_WINDOW_NS */
};
enum finding_source finding_source(enum finding_id id);

/* 1 << enum wire_tcp_state: which connections it is about; a filter asks for them. */
uint32_t finding_states(enum finding_id id);

/*
 * Sets severity and limits by count, of and limit, which is the caller's where a finding has a limit of its own. False: it is
 * within the limits. `stands`: it is a finding already, and stays one down to three quarters of the limits.
 */
bool finding_judge(struct finding_record *finding, bool stands);

/* A number is not enough for it: it has `of`. */
bool finding_has_share(enum finding_id id);

/* With a smaller count it is none, and none stays one. 0: the caller's limit counts. */
uint64_t finding_least(enum finding_id id);

/* How often on end it must be met. */
unsigned int finding_looks(const struct finding_record *finding);

/* For sorting: below 0 if `a` is worse. */
int finding_compare(const struct finding_record *a, const struct finding_record *b);

/* What it is about: the other addresses and ports of its tuple become 0. */
void finding_set_about(struct finding_record *finding, uint32_t about);

/* The family of addresses in the wire's form. */
#define FINDING_FAMILY(ipv4) ((ipv4) ? AF_INET : AF_INET6)

/* Sets its number, from its id, its process if `of_process`, and what it is about. */
void finding_name(struct finding_record *finding, bool of_process);
