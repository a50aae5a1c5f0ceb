/* SPDX-License-Identifier: GPL-2.0-only */
/* The connections' memory and the look-up by cookie. */
#pragma once

#include "state.h"

int table_init(struct conn_table *t); /* 0 or -errno */
void table_destroy(struct conn_table *t);
uint64_t table_memory(const struct conn_table *t);

/* The socket's life that goes on, or else its last one, whose minisocket lives. */
struct conn *table_find(const struct conn_table *t, uint64_t cookie);
/* The life that left the minisocket with this snd_nxt: a socket that connects again may leave several. */
struct conn *table_find_minisock(const struct conn_table *t, uint64_t cookie, uint32_t snd_nxt);
/* The oldest life of a socket that has left so many minisockets that the look-ups above would take long; else NULL. */
struct conn *table_crowded(const struct conn_table *t, uint64_t cookie);
struct conn *table_by_id(const struct conn_table *t, uint32_t id);

/* A new connection in `state`; NULL if there is no room, which is counted. */
struct conn *table_add(struct conn_table *t, uint64_t cookie, uint64_t start_ns, unsigned int state);
void table_remove(struct conn_table *t, struct conn *c);

void table_enter_close_wait(struct conn_table *t, struct conn *c);
void table_leave_close_wait(struct conn_table *t, struct conn *c);

/* The only writer of conn.state. */
static inline void table_set_state(struct conn_table *t, struct conn *c, unsigned int state)
{
	if (c->state == state)
		return;
	if (c->state == WIRE_CLOSE_WAIT)
		table_leave_close_wait(t, c);
	t->by_state[c->state]--;
	t->by_state[state]++;
	c->state = state;
	if (state == WIRE_CLOSE_WAIT)
		table_enter_close_wait(t, c);
}

/* The next live connection after `c` in memory order, from NULL to NULL. `c` itself may have been removed meanwhile. */
struct conn *table_next(const struct conn_table *t, const struct conn *c);

/* `c` is closed, but its minisocket lives: puts it at the end of the list of these. */
void table_list_minisock(struct conn_table *t, struct conn *c);

/* Names of congestion controls, few and long-lived. 0 and "" stand for none, and for one too many. */
uint8_t table_ca_id(struct conn_table *t, const char name[WIRE_CA_LEN]);
const char *table_ca_name(const struct conn_table *t, uint8_t id);

/* Remembers the generation of a socket that stays open, for its next connect(). */
void table_end_life(struct conn_table *t, const struct conn *c);
uint32_t table_next_generation(const struct conn_table *t, uint64_t cookie);

/* A ->CLOSE at `ts`. True from then on for what a scan read at `ts`, so soon after it that the kernel still showed the state
 * before. */
void table_note_close(struct conn_table *t, uint64_t cookie, uint64_t ts);
bool table_just_closed(const struct conn_table *t, uint64_t cookie, uint64_t ts);

/* `c` lived through a loss and has its record: a scan that meets its minisocket meets nothing new. */
void table_note_emitted(struct conn_table *t, const struct conn *c);
bool table_was_emitted(const struct conn_table *t, uint64_t cookie);

/* Something could not be tracked for lack of room. */
void table_refuse(struct conn_table *t, uint64_t ts);

/* `c` has to be judged before what it waits for can have come, for lack of room. */
void table_hurry(struct conn_table *t, struct conn *c);
