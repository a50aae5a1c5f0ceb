/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a leak scan found: every socket that waits in CLOSE_WAIT for its process, who holds it, since when and why; and its
 * mirror images, sockets in FIN_WAIT2 and connections that nobody accepts.
 */
#ifndef CORE_LEAK_H
#define CORE_LEAK_H

#include "conn.h"

enum leak_cause {
	LEAK_NEVER_ACCEPTED,      /* it waits in the accept queue */
	LEAK_DATA_UNREAD,         /* payload waits in the socket, and the peer's FIN behind it */
	LEAK_EOF_UNREAD,          /* all payload was read, the FIN was not */
	LEAK_EOF_READ_NOT_CLOSED, /* the FIN was read, too; or it came in one piece with the last payload */
	LEAK_UNSEEN,              /* no scan met it: nothing is known */
	LEAK_CAUSE_MAX
};
const char *leak_cause_name(enum leak_cause cause); /* NULL: not known */

struct leak_verdict {
	enum leak_cause cause;
	bool certain;
	uint32_t unread_bytes; /* payload, the FIN not counted */
	uint32_t unsent_bytes;
};
struct leak_verdict leak_judge(const struct wire_leak *ev);

/* For how long it has been in CLOSE_WAIT at least, by the kernel's own stamps. */
uint64_t leak_age_ns(const struct wire_leak *ev);

struct leak_holder {
	struct wire_task task;
	int32_t fd;
	uint32_t next; /* the same socket's; LEAK_NONE */
};
#define LEAK_NONE UINT32_MAX

struct leak_socket {
	struct conn_tuple t; /* its process: the first holder, or who listens where it waits */
	uint8_t state;       /* CLOSE_WAIT, FIN_WAIT2, or ESTABLISHED and not accepted */
	struct leak_verdict verdict;
	uint64_t age_ns;
	bool age_is_lower_bound;
	uint32_t holders, first_holder, last_holder;
};

/* Of sockets in CLOSE_WAIT, in FIN_WAIT2, and of connections that nobody accepted yet, whatever their state. */
struct leak_totals {
	uint64_t close_wait, close_wait_over; /* over the threshold */
	uint64_t fin_wait2, fin_wait2_over;
	uint64_t not_accepted, not_accepted_over;
	uint64_t oldest_ns; /* of CLOSE_WAIT */
};

struct leak_set;

/* A socket has been in CLOSE_WAIT for longer than the threshold, or is shown because somebody asked. */
struct leak_record {
	const struct leak_socket *socket;
	const struct leak_set *set; /* has the holders */
	uint64_t threshold_ns;
	uint64_t alert_cookie; /* names the alert: its own cookie, or of a count, that of its group's first */
	uint64_t count;        /* it stands for so many, of its group and itself */
	uint64_t group_open;   /* sockets that are in CLOSE_WAIT in the same process for the same cause */
	bool growth_known;
	int64_t growth_per_min; /* of group_open */
};

enum leak_resolution { LEAK_CLOSED, LEAK_PROCESS_EXIT, LEAK_RESET, LEAK_DAEMON_STOP, LEAK_RESOLUTION_MAX };
const char *leak_resolution_name(enum leak_resolution resolution);

struct leak_resolved_record {
	const struct conn_tuple *t;
	uint64_t alert_cookie;
	uint64_t in_state_ns;
	bool age_is_lower_bound;
	enum leak_resolution resolution;
	uint64_t count;
};

/* Which sockets are meant: NULL is all. */
typedef bool (*leak_wanted_fn)(void *ctx, const struct leak_socket *socket);

int leak_set_new(struct leak_set **out, uint32_t max_sockets);
void leak_set_free(struct leak_set *set); /* NULL is fine */

/* Takes a scan's events in; WIRE_LEAK_BEGIN forgets the scan before. `ev` must be wire_valid(). */
void leak_set_feed(struct leak_set *set, const struct wire_hdr *ev);

size_t leak_set_len(const struct leak_set *set);
const struct leak_socket *leak_set_at(const struct leak_set *set, size_t i);
const struct leak_socket *leak_set_find(const struct leak_set *set, uint64_t cookie); /* NULL: the scan did not meet it */
const struct leak_holder *leak_holder(const struct leak_set *set, uint32_t index); /* of a socket, by first_holder and next */
struct leak_totals leak_set_totals(const struct leak_set *set, uint64_t threshold_ns, leak_wanted_fn wanted, void *ctx);
uint64_t leak_set_memory(const struct leak_set *set);
uint64_t leak_set_lost(const struct leak_set *set); /* found, and no room for it */

#endif
