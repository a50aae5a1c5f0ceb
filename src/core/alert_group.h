/* SPDX-License-Identifier: GPL-2.0-only */
/* The alerts of one process, cause and dependency: which sockets have one of their own, and the counts of the others. */
#pragma once

#include "leak_group.h"
#include "table.h"

struct alert_budget {
	uint64_t since_ns, used;
};

#define ALERT_BUDGET 60 /* records a minute */

/* Has an alert of its own, which is emitted when the whole scan is known: all alerts of a scan have the same count of a group.
 */
struct alert_raised {
	uint32_t group; /* id */
	struct leak_socket socket;
	bool resumed;
};

struct alert_groups {
	struct pool groups; /* struct alert_group by key; each has an alert, or had one a minute ago */
	const struct leak_set *found;
	struct alert_budget leaks, ends;
	uint32_t turn;    /* the last group that used the budget up */
	uint64_t counted; /* records of counts that were emitted */
	uint32_t raised_len;
	struct alert_raised raised[ALERT_BUDGET]; /* of the scan whose end is handled */
};

struct alert_ending {
	struct conn_tuple t;
	uint64_t at_ns, in_state_ns;
	bool is_lower_bound;
	enum leak_resolution how;
	char boot_id[BOOT_DIGITS + 1]; /* the begin of struct leak_resolved_record's; "": NULL there */
	int64_t after_wall_ns;         /* as there, as the next one */
	bool from_before;
};

/* An alert of the run before. */
struct alert_resumed {
	const struct leak_socket *socket;
	uint8_t flags; /* enum wire_known_flags */
};

/* `found`: the last leak scan's, which must not move. 0 or -ENOMEM. */
int alert_groups_init(struct alert_groups *groups, const struct leak_set *found, uint32_t max, const struct hash_key *hash_key);
void alert_groups_free(struct alert_groups *groups); /* all zero is fine */

/* The id of the socket's group, valid while one of its alerts is open; 0: there is no room for it. */
uint32_t alert_group_for(struct conn_table *t, struct alert_groups *groups, const struct leak_socket *socket);

/* True: it has an alert of its own. alert_groups_emit() follows at the end of the scan. */
bool alert_group_raise(struct conn_table *t, struct alert_groups *groups, uint32_t id, const struct leak_socket *socket);

/* The same of an alert that was raised in another run, which says whether it has one of its own. */
void alert_group_resume(struct conn_table *t, struct alert_groups *groups, uint32_t id, const struct alert_resumed *alert);

/* The same of one that ends at once: alert_group_end() follows. */
void alert_group_add(struct alert_groups *groups, uint32_t id);

/* An alert that alert_group_raise() raised; `single`: what it returned. */
void alert_group_end(struct conn_table *t, struct alert_groups *groups, uint32_t id, const struct alert_ending *ending,
		     bool single);

/* So many sockets whose alerts are over. */
void alert_group_ended(struct conn_table *t, struct alert_groups *groups, uint32_t id, const struct alert_ending *ending,
		       uint64_t count);

/* Emits the alerts that were raised, and the counts that are due; with `all`, all of them. */
void alert_groups_emit(struct conn_table *t, struct alert_groups *groups, bool all);

/* Whose sockets they are: any of the group's. The socket is valid until the next one is raised. */
const struct leak_socket *alert_group_example(const struct alert_groups *groups, uint32_t id);

/* For writing all alerts down: true for so many of the group's, after alert_groups_recount(), as no record has counted yet. */
void alert_groups_recount(struct alert_groups *groups);
bool alert_group_is_waiting(struct alert_groups *groups, uint32_t id);

/* The same of ends: so many as `ending` has no record counted. `example` is any socket of the group. */
typedef void (*alert_ending_fn)(void *ctx, const struct leak_socket *example, const struct alert_ending *ending,
				uint64_t count);
void alert_groups_each_ending(const struct alert_groups *groups, alert_ending_fn fn, void *ctx);
