// SPDX-License-Identifier: GPL-2.0-only
#include "leak_who.h"

#include "run.h"
#include "src/core/siphash.h"
#include "src/host/cgroup.h"
#include "src/host/owner.h"
#include "src/host/running.h"
#include "src/host/self.h"
#include "src/host/user.h"
#include "src/kernel/exec_probe.h"

#include <stdlib.h>
#include <string.h>

struct leak_who {
	struct owner *owner;
	struct exec_probe *exec_probe;
	struct users *users;
	struct running *running;
	struct hash_key hash_key;
	struct leak_names names;
};

/* An event_fn. */
static void take_owner(void *ctx, const struct wire_hdr *ev)
{
	owner_feed(((struct leak_who *)ctx)->owner, ev);
}

void leak_who_describe(struct leak_who *who, const struct conn_tuple *t, struct record_owner *ret_owner)
{
	if (t->from != CONN_FROM_NONE) {
		owner_resolve_process(who->owner, &t->process, 0, take_owner, who);
		owner_resolve_cgroup(who->owner, t->process.cgroup_id, 0, take_owner, who);
	}
	if (t->id_known)
		owner_resolve_cgroup(who->owner, t->id.cgroup_id, 0, take_owner, who);
	owner_describe(who->owner, t, ret_owner);
	ret_owner->user = users_name(who->users, leak_user(t));
}

void leak_who_describe_process(struct leak_who *who, const struct conn_tuple *t, struct record_owner *ret_owner)
{
	leak_who_describe(who, t, ret_owner);
	if (t->from != CONN_FROM_NONE)
		ret_owner->running = running_find(who->running, &t->task);
}

void leak_who_refresh(struct leak_who *who)
{
	running_forget(who->running);
}

/* Of a struct leak_names: nobody can make up a name with the number of another one. */
static uint64_t number(void *ctx, enum leak_by by, const struct leak_socket *socket)
{
	struct leak_who *who = ctx;
	uint64_t words[32] = {0};
	struct record_owner owner;
	const char *name;
	size_t len;

	leak_who_describe(who, &socket->t, &owner);
	name = by == LEAK_BY_UNIT ? owner.unit : owner.container_id;
	len = by == LEAK_BY_UNIT ? owner.unit_len : CONTAINER_ID_LEN;
	if (!name)
		return 0;
	memcpy(words, name, len < sizeof(words) ? len : sizeof(words)); /* no name of a directory is longer */
	return siphash13(&who->hash_key, words, sizeof(words) / sizeof(words[0]));
}

int leak_who_new(struct leak_who **out, struct admin *admin, bool redact)
{
	struct leak_who *who = calloc(1, sizeof(*who));
	int err;

	if (!who || owner_new(&who->owner) || running_new(&who->running, redact)) {
		leak_who_free(who);
		return fail(EXIT_RUNTIME, "out of memory");
	}
	owner_use_admin(who->owner, admin);
	self_hash_key(&who->hash_key);
	who->names = (struct leak_names){number, who};
	who->users = users_new("/etc/passwd");
	err = exec_probe_open(&who->exec_probe);
	if (err)
		warn(EXEC_PROBE_REFUSED, self_few_descriptors(err) ?: strerror(-err));
	else
		owner_ask(who->owner, exec_probe_read, who->exec_probe);
	*out = who;
	return 0;
}

void leak_who_free(struct leak_who *who)
{
	if (!who)
		return;
	owner_free(who->owner);
	exec_probe_close(who->exec_probe);
	users_free(who->users);
	running_free(who->running);
	free(who);
}

struct exec_probe *leak_who_probe(struct leak_who *who)
{
	return who->exec_probe;
}

const struct leak_names *leak_who_names(struct leak_who *who)
{
	return &who->names;
}

void leak_who_warn(struct leak_who *who)
{
	if (owner_take_forgotten(who->owner))
		warn("not all paths of programs and control groups are shown: %s",
		     self_few_descriptors(0) ?: "there was no room for them");
}
