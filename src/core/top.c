// SPDX-License-Identifier: GPL-2.0-only
#include "top.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum top_group top_group(unsigned int state)
{
	switch (state) {
	case WIRE_SYN_SENT:
	case WIRE_SYN_RECV:
	case WIRE_NEW_SYN_RECV:
		return TOP_SYN;
	case WIRE_FIN_WAIT1:
	case WIRE_FIN_WAIT2:
	case WIRE_CLOSING:
	case WIRE_LAST_ACK:
		return TOP_FIN;
	case WIRE_CLOSE_WAIT:
		return TOP_CLOSE_WAIT;
	case WIRE_TIME_WAIT:
		return TOP_TIME_WAIT;
	case WIRE_LISTEN:
		return TOP_LISTEN;
	default:
		return TOP_ESTABLISHED;
	}
}

/* A pool_key_fn. */
static uint64_t key_of(const void *item)
{
	return ((const struct top_process *)item)->digest;
}

int top_init(struct top *top, const struct hash_key *hash_key)
{
	*top = (struct top){0};
	return pool_init(&top->processes, sizeof(struct top_process), TOP_PROCESSES_MAX, key_of, hash_key);
}

void top_free(struct top *top)
{
	if (top->processes.items)
		pool_free(&top->processes);
	free(top->order);
	*top = (struct top){0};
}

/* Nobody is one process: what has no owner is one row. */
static struct wire_task task_of(const struct conn_tuple *t)
{
	return t->from == CONN_FROM_NONE ? (struct wire_task){0} : t->task;
}

bool top_same(const struct conn_tuple *one, const struct conn_tuple *other)
{
	struct wire_task a = task_of(one), b = task_of(other);

	return a.tgid == b.tgid && a.start_ns == b.start_ns;
}

void top_begin(struct top *top)
{
	top->left_out = 0;
	for (uint32_t id = 1; id < top->processes.used; id++) {
		struct top_process *p = pool_at(&top->processes, id);

		if (!p->digest)
			continue;
		memcpy(p->before, p->now, sizeof(p->before));
		memset(p->now, 0, sizeof(p->now));
	}
}

static struct top_process *find(struct top *top, uint64_t digest, const struct conn_tuple *t)
{
	uint32_t id;

	pool_for_each (id, &top->processes, digest) {
		struct top_process *p = pool_at(&top->processes, id);

		if (p->digest == digest && top_same(&p->t, t))
			return p;
	}
	return NULL;
}

static struct top_process *add(struct top *top, uint64_t digest, const struct conn_tuple *t)
{
	const struct top_process process = {.netns = t->id.netns, .digest = digest, .t = *t};
	uint32_t id = pool_add(&top->processes, &process);

	return id ? pool_at(&top->processes, id) : NULL;
}

void top_add(struct top *top, const struct open_conn *conn)
{
	const struct wire_task task = task_of(&conn->t);
	const uint64_t words[] = {task.tgid, task.start_ns};
	uint64_t digest = index_digest(&top->processes.index, words, 2);
	struct top_process *p = find(top, digest, &conn->t) ?: add(top, digest, &conn->t);

	if (!p) {
		top->left_out++;
		return;
	}
	memcpy(p->t.task.comm, conn->t.task.comm, sizeof(p->t.task.comm)); /* the newest name */
	p->several_netns |= conn->t.id.netns != p->netns;
	p->now[top_group(conn->state)]++;
}

uint64_t top_total(const uint32_t counts[TOP_GROUPS])
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < TOP_CONN_GROUPS; i++)
		total += counts[i];
	return total;
}

static bool is_empty(const uint32_t counts[TOP_GROUPS])
{
	return !top_total(counts) && !counts[TOP_LISTEN];
}

void top_end(struct top *top)
{
	for (uint32_t id = 1; id < top->processes.used; id++) {
		const struct top_process *p = pool_at(&top->processes, id);

		if (p->digest && is_empty(p->now) && is_empty(p->before))
			pool_remove(&top->processes, id);
	}
}

/* Order. Each has the pid behind it, so that rows do not change places for nothing. */

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static uint64_t change(const struct top_process *p)
{
	uint64_t all = 0;

	for (unsigned int i = 0; i < TOP_GROUPS; i++)
		all += p->now[i] > p->before[i] ? p->now[i] - p->before[i] : p->before[i] - p->now[i];
	return all;
}

static uint64_t value_of(const struct top_process *p, enum top_sort sort)
{
	if (sort == TOP_BY_TOTAL)
		return top_total(p->now);
	return sort == TOP_BY_CHANGE ? change(p) : p->now[sort - TOP_BY_GROUP];
}

/* What qsort() orders. */
struct place {
	const struct top_process *process;
	uint64_t value;
};

static int by_pid(const void *one, const void *other)
{
	const struct top_process *a = ((const struct place *)one)->process, *b = ((const struct place *)other)->process;

	return compare(a->t.task.tgid, b->t.task.tgid) ?: compare(a->t.task.start_ns, b->t.task.start_ns);
}

static int by_name(const void *one, const void *other)
{
	const struct top_process *a = ((const struct place *)one)->process, *b = ((const struct place *)other)->process;

	return strncmp(a->t.task.comm, b->t.task.comm, sizeof(a->t.task.comm)) ?: by_pid(one, other);
}

static int by_value(const void *one, const void *other)
{
	const struct place *a = one, *b = other;

	return compare(b->value, a->value) ?: by_pid(one, other);
}

static uint32_t fill(const struct top *top, enum top_sort sort, struct place *places)
{
	uint32_t len = 0;

	for (uint32_t id = 1; id < top->processes.used; id++) {
		const struct top_process *p = pool_at(&top->processes, id);

		if (p->digest)
			places[len++] = (struct place){p, sort < TOP_BY_GROUP ? 0 : value_of(p, sort)};
	}
	return len;
}

uint32_t top_order(struct top *top, enum top_sort sort, bool reverse)
{
	uint32_t count = pool_count(&top->processes), len;
	struct place *places = reallocarray(NULL, count + 1, sizeof(*places));

	free(top->order);
	top->order = reallocarray(NULL, count + 1, sizeof(*top->order));
	if (!places || !top->order) {
		free(places);
		return 0;
	}
	len = fill(top, sort, places);
	qsort(places, len, sizeof(*places), sort == TOP_BY_PID ? by_pid : sort == TOP_BY_NAME ? by_name : by_value);
	for (uint32_t i = 0; i < len; i++)
		top->order[i] = places[reverse ? len - 1 - i : i].process;
	free(places);
	return len;
}
