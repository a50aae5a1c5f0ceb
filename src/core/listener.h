/* SPDX-License-Identifier: GPL-2.0-only */
/* Who listens where: the owner of a connection that no process has touched. */
#pragma once

#include "chains.h"
#include "pool.h"
#include "record_types.h"

#define LISTENERS_FRUITLESS_MAX 6
#define LISTENERS_PORT_SLOTS 1024

/* What a listener's address is. */
enum listener_address { LISTENER_AT_ADDRESS, LISTENER_AT_ANY_V4, LISTENER_AT_ANY, LISTENER_ADDRESSES };

struct listeners {
	struct pool by_cookie;
	struct chains by_address; /* and namespace */
	struct chains by_process;
	/* So many have an address of this kind, and a port of this remainder: where there are none, nothing is hashed. */
	uint32_t at_port[LISTENER_ADDRESSES][LISTENERS_PORT_SLOTS];
	uint32_t left_alone; /* listeners whose process has ended: another may hold them */
	bool doubted;        /* somebody else than a listener's process had to do with its connections */
	uint8_t fruitless;   /* scans on end that confirmed all processes, as where workers accept: LISTENERS_FRUITLESS_MAX */
};

/* What waits at a listener, as it was read last, and what it dropped. */
struct listener_queue {
	struct wire_queue at;
	uint64_t drops;             /* from since_ns to read_ns */
	uint64_t since_ns, read_ns; /* read_ns 0: it was never read */
	uint64_t began_ns;          /* it listens since then; 0: not known */
};

/* `ls` must not move. */
int listeners_init(struct listeners *ls, const struct hash_key *hash_key); /* 0 or -ENOMEM */
void listeners_free(struct listeners *ls);
uint64_t listeners_memory(const struct listeners *ls);

/* A listening socket, as an event or a scan shows it. */
struct listener_seen {
	uint64_t cookie;
	const struct wire_ident *ident;
	struct process process; /* nobody: not known */
	bool listens;           /* it called listen(); else it holds a descriptor */
	uint8_t epoch;          /* counts scans */
};

/* 0 or -ENOSPC. *ret_known: the scan `epoch` has met it before. */
int listeners_put(struct listeners *ls, const struct listener_seen *seen, bool *ret_known);
/* Takes a reading in: of a WIRE_LISTENER, or of a leak scan's listener. One that is not known is left out. */
void listeners_read(struct listeners *ls, const struct wire_hdr *ev, const struct wire_queue *at);

/* The listener `id`, from 1 below listeners_end(), as a row; false: there is none, or it was never read. */
bool listeners_row(const struct listeners *ls, uint32_t id, struct conn_listener_row *ret_row);
static inline uint32_t listeners_end(const struct listeners *ls)
{
	return ls->by_cookie.used;
}
uint32_t listeners_find(const struct listeners *ls, uint64_t cookie); /* its id; 0: not known */

/* The listener `id` and whose it is, without a peer; false: there is none. */
bool listeners_tuple(const struct listeners *ls, uint32_t id, struct conn_tuple *ret_tuple);

/* What each has dropped was reported. */
void listeners_reported(struct listeners *ls);

void listeners_remove(struct listeners *ls, uint64_t cookie);

/* Forgets those that the scan `epoch` did not meet. */
void listeners_sweep(struct listeners *ls, uint8_t epoch);

/* The scan `epoch` has read all descriptors: whom it did not meet with a listener does not hold it any more. */
void listeners_held(struct listeners *ls, uint8_t epoch);

/* It has no process now, unless somebody else holds it. */
void listeners_exited(struct listeners *ls, const struct wire_exit *ev);

/*
 * Who accepts at this address: the exact one before the wildcards. NULL if nobody is known, or if several listeners share the
 * address that are not all the same process's.
 */
const struct process *listeners_owner(const struct listeners *ls, uint32_t netns, uint16_t port, const uint8_t addr[16]);

/* Somebody listens at this address, or at a wildcard that includes it. */
bool listeners_any(const struct listeners *ls, uint32_t netns, uint16_t port, const uint8_t addr[16]);

/* Whose listener it is; NULL: not known. */
const struct process *listeners_owner_of(const struct listeners *ls, uint64_t cookie);
