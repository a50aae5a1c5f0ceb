// SPDX-License-Identifier: GPL-2.0-only
/*
 * What has no connection, counted in the kernel by namespace and port. Whoever sends SYNs to closed ports chooses the ports, so
 * that of resets at most ROWS rows are handed on, by rows_choose(), and the sum of all others as one without a port. The ports
 * that had a row before stay in the kernel's map: however many others fill it, these are counted by themselves, and what has no
 * room counts in the sum.
 */
#include "collector.h"
#include "internal.h"
#include "src/core/rows.h"

#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/trace.skel.h"

#define ROWS 16
#define QUIET_NS 60000000000ull /* a port without a reset for so long is not remembered */

struct counted {
	struct aggregate_key key;
	uint64_t value; /* in the map: of a remembered port since it is */
	struct reset_port *port;
};

/* One step since 5.14; before, what is counted between the two steps is lost. */
static int take_element(int fd, const struct aggregate_key *key, uint64_t *ret_count)
{
	if (!bpf_map_lookup_and_delete_elem(fd, key, ret_count))
		return 0;
	return bpf_map_lookup_elem(fd, key, ret_count) || bpf_map_delete_elem(fd, key) ? -1 : 0;
}

struct emission {
	uint64_t now, interval_ns;
	event_fn fn;
	void *ctx;
};

static void emit(const struct emission *e, const struct aggregate_key *key, uint64_t count)
{
	struct wire_aggregate event = {
		.hdr = {.ts = e->now, .len = sizeof(event), .kind = WIRE_AGGREGATE},
		.netns = key->netns,
		.local_port = key->local_port,
		.what = key->what,
		.reason = key->reason,
		.count = count,
		.interval_ns = e->interval_ns,
	};

	if (count)
		e->fn(e->ctx, &event.hdr);
}

static uint64_t without_room(struct collector *c, enum wire_aggregate_kind what)
{
	size_t at = offsetof(struct counters, aggregate_rest) + what * sizeof(uint64_t);
	uint64_t total = sum_counters(c, at), before = c->reported_rest[what];

	c->reported_rest[what] = total;
	return total - before;
}

/* Listeners only, which a remote host cannot make: all of them. */
static void hand_on_listeners(struct collector *c, const struct emission *e)
{
	struct aggregate_key key, next;
	uint64_t count;

	for (unsigned int n = 0; n < AGGREGATES_MAX && !bpf_map_get_next_key(c->aggregates_fd, NULL, &next); n++) {
		key = next;
		if (!take_element(c->aggregates_fd, &key, &count))
			emit(e, &key, count);
	}
	for (enum wire_aggregate_kind what = WIRE_AGG_SYNACK_RETRANSMIT; what < WIRE_AGG_MAX; what++) {
		if (what != WIRE_AGG_RESET_SENT)
			emit(e, &(struct aggregate_key){.what = what}, without_room(c, what));
	}
}

static struct reset_port *find_port(struct collector *c, const struct aggregate_key *key)
{
	for (size_t i = 0; i < RESET_PORTS; i++) {
		if (c->reset_ports[i].since_ns && !memcmp(&c->reset_ports[i].key, key, sizeof(*key)))
			return &c->reset_ports[i];
	}
	return NULL;
}

static struct reset_port *free_port(struct collector *c)
{
	for (size_t i = 0; i < RESET_PORTS; i++) {
		if (!c->reset_ports[i].since_ns)
			return &c->reset_ports[i];
	}
	return NULL;
}

static size_t read_resets(struct collector *c, struct counted *counted)
{
	struct aggregate_key *before = NULL;
	size_t len = 0;

	while (len < AGGREGATES_MAX && !bpf_map_get_next_key(c->resets_fd, before, &counted[len].key)) {
		before = &counted[len].key;
		counted[len].port = find_port(c, before);
		if (!bpf_map_lookup_elem(c->resets_fd, before, &counted[len].value))
			len++;
		else
			break;
	}
	return len;
}

static uint64_t since_reported(const struct counted *counted)
{
	return counted->value - (counted->port ? counted->port->reported : 0);
}

/* What is to be reported of it now. One that has a row is remembered from then on, as long as there is room. */
static uint64_t settle(struct collector *c, struct counted *counted, uint64_t now, bool row)
{
	uint64_t count = since_reported(counted);

	if (!counted->port && row) {
		counted->port = free_port(c);
		if (counted->port)
			*counted->port = (struct reset_port){.key = counted->key, .since_ns = now};
	}
	if (!counted->port)
		return take_element(c->resets_fd, &counted->key, &counted->value) ? 0 : counted->value;
	counted->port->reported = counted->value;
	if (count)
		counted->port->seen_ns = now;
	if (count || now - counted->port->seen_ns < QUIET_NS)
		return count;
	if (!take_element(c->resets_fd, &counted->key, &counted->value))
		count = since_reported(counted);
	*counted->port = (struct reset_port){0};
	return count;
}

/* Of each port; gives the sum of those that have no row. */
static uint64_t hand_on_ports(struct collector *c, const struct emission *e)
{
	struct counted *counted = calloc(AGGREGATES_MAX, sizeof(*counted));
	struct row *rows = calloc(AGGREGATES_MAX, sizeof(*rows));
	size_t len, n = 0, shown;
	uint64_t rest = 0;

	len = counted && rows ? read_resets(c, counted) : 0; /* no memory: the counts stay for the next time */
	for (size_t i = 0; i < len; i++) {
		if (!since_reported(&counted[i])) {
			rest += settle(c, &counted[i], e->now, false);
			continue;
		}
		rows[n++] = (struct row){.count = since_reported(&counted[i]),
					 .since = counted[i].port ? counted[i].port->since_ns : e->now,
					 .group = counted[i].key.netns,
					 .id = (uint32_t)i};
	}
	shown = rows_choose(rows, n, ROWS);
	for (size_t i = 0; i < n; i++) {
		struct counted *one = &counted[rows[i].id];
		uint64_t count = settle(c, one, e->now, i < shown);

		if (i < shown)
			emit(e, &one->key, count);
		else
			rest += count;
	}
	free(rows);
	free(counted);
	return rest;
}

static void hand_on_resets(struct collector *c, const struct emission *e)
{
	static const struct aggregate_key rest_key = {.what = WIRE_AGG_RESET_SENT};
	struct aggregate_key first;
	uint64_t rest = without_room(c, WIRE_AGG_RESET_SENT);

	if (!bpf_map_get_next_key(c->resets_fd, NULL, &first)) /* else there is nothing to make room for each second */
		rest += hand_on_ports(c, e);
	emit(e, &rest_key, rest);
}

void collector_aggregates(struct collector *c, uint64_t now, event_fn fn, void *ctx)
{
	const struct emission e = {.now = now, .interval_ns = now - c->aggregates_read_ns, .fn = fn, .ctx = ctx};

	c->aggregates_read_ns = now;
	hand_on_listeners(c, &e);
	hand_on_resets(c, &e);
}
