/* SPDX-License-Identifier: GPL-2.0-only */
/* Where connections live: memory, lookup by cookie, and what the modules of the core share. */
#ifndef CORE_TABLE_H
#define CORE_TABLE_H

#include "entry.h"

struct half_open;
struct hold;
struct ports;
struct awaited;
struct stopped;
struct listeners;
struct alerts;

/* Counts since the last summary record. */
struct table_interval {
	uint64_t since_ns, opened, closed, events_in;
	uint64_t syn, synack, data, fin;
	uint64_t resets_sent, resets_received;
	uint64_t lost[WIRE_LOST_MAX];
	uint64_t tw_entered, tw_early, tw_ended[WIRE_CAUSE_MAX];
};

struct table_scan {
	bool active, any_done;
	uint8_t epoch; /* never 0 */
	enum wire_scan_cause cause;
	uint64_t begin_ns;
	uint64_t sockets, by_state[WIRE_STATE_MAX];
};

struct table_list {
	uint32_t head, tail;
};

/* The same of a socket that is first heard of. */
struct table_begun {
	uint64_t cookie;
	struct conn_begun begun;
};
#define TABLE_BEGUN 256u

struct conn_table {
	struct conn_config config;
	conn_emit_fn emit;
	void *ctx;
	uint64_t now; /* the latest time that any event told */

	struct conn **chunks; /* slots by id; room for max_connections from the start */
	uint32_t slots_used, free_head;
	uint32_t *index; /* open addressing, ids */
	uint32_t index_mask, index_shift;
	uint32_t chunks_len;
	uint64_t tracked, by_state[WIRE_STATE_MAX];
	struct table_list close_wait; /* in order of entry */
	uint32_t close_wait_next;     /* the first that no leak scan found old enough to alert */
	struct table_list pending;    /* in the order in which their timers were set */

	struct {
		uint64_t cookie;
		uint32_t generation;
	} * ended; /* sockets that may connect again: table_end_life() */
	uint64_t ended_forgotten;

	struct hold *hold;
	struct stopped *stopped;
	struct awaited *awaited;
	struct listeners *listeners;
	struct alerts *alerts;
	struct half_open *half_open;
	struct ports *ports;
	struct intern *places, *processes;
	char (*ca_names)[WIRE_CA_LEN]; /* by id; 0 is none */
	struct table_scan scan;
	struct table_interval interval;
	struct table_begun begun[TABLE_BEGUN]; /* one slot per hash: the two events are neighbours */
	enum wire_tw_tier tier;
	uint8_t mini_epoch; /* counts scans of minisockets; never 0 */
	uint64_t early;     /* TIME_WAITs that were told before their end for lack of room */
	uint64_t events_in, resyncs, lost[WIRE_LOST_MAX];
	uint32_t loss_epoch; /* counts losses of events */
	uint64_t loss_until_ns;
	uint64_t refused, refused_from_ns; /* not told yet */
	uint64_t progress_swept_ns;
	bool progress_scans; /* the stream has scans for progress */
};

int table_init(struct conn_table *t);
void table_destroy(struct conn_table *t);
uint64_t table_memory(const struct conn_table *t);

struct conn *table_find(const struct conn_table *t, uint64_t cookie);
struct conn *table_by_id(const struct conn_table *t, uint32_t id);

/* A new connection in `state`; NULL if there is no room, which is counted. */
struct conn *table_add(struct conn_table *t, uint64_t cookie, uint64_t start_ns, unsigned int state);
void table_remove(struct conn_table *t, struct conn *c);

/* The only writer of conn.state. */
void table_set_state(struct conn_table *t, struct conn *c, unsigned int state);

/* When it came to its state, as far as is known. */
static inline uint64_t table_entered_ns(const struct conn *c)
{
	return c->start_ns + c->spans[c->spans_len - 1].at_us * 1000;
}

/* NULL: none. */
struct conn *table_close_wait_next(const struct conn_table *t);

/* `c` is closed, but its minisocket lives: lists it, or lists it last again. */
void table_pend(struct conn_table *t, struct conn *c);

/* Names of congestion controls, few and long-lived. 0 and "" stand for none, and for one too many. */
uint8_t table_ca_id(struct conn_table *t, const char name[WIRE_CA_LEN]);
const char *table_ca_name(const struct conn_table *t, uint8_t id);

static inline const struct conn_place *table_place(const struct conn_table *t, const struct conn *c)
{
	return intern_value(t->places, c->place);
}

/* Which life a socket that stays open has ended, for its next connect(). */
void table_end_life(struct conn_table *t, const struct conn *c);
uint32_t table_next_generation(const struct conn_table *t, uint64_t cookie);

/* Something could not be tracked for lack of room. */
void table_refuse(struct conn_table *t, uint64_t ts);

/* The next live connection after `c` in memory order, from NULL to NULL. `c` itself may have been removed meanwhile. */
struct conn *table_next(const struct conn_table *t, const struct conn *c);

#endif
