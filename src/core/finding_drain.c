// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel has a stamp of the last acceptable segment of the peer: without one for a while, nothing was acknowledged either.
 * It is as old on a connection that was idle and closed just now, so that it counts from the close on, if that was seen. A peer
 * whose window is closed answers probes, so that the stamp is young. Then, and where nobody saw the close, two scans show
 * whether snd_una moved.
 */
#include "finding_drain.h"

#define SOCKETS_MAX 65536u /* what is beyond is known by the stamp and the close alone */

struct draining {
	uint32_t snd_una;
	uint64_t cookie; /* 0: free */
	uint64_t since_ns;
	uint8_t epoch;
};

/* A pool_key_fn. */
static uint64_t cookie_of(const void *draining)
{
	return ((const struct draining *)draining)->cookie;
}

static struct draining *at(const struct finding_drain *drain, uint32_t id)
{
	return pool_at(&drain->by_cookie, id);
}

int finding_drain_init(struct finding_drain *drain, const struct hash_key *hash_key)
{
	*drain = (struct finding_drain){0};
	return pool_init(&drain->by_cookie, sizeof(struct draining), SOCKETS_MAX, cookie_of, hash_key);
}

void finding_drain_free(struct finding_drain *drain)
{
	pool_free(&drain->by_cookie);
}

static void met(struct finding_drain *drain, const struct leak_socket *socket, uint64_t now)
{
	const struct draining fresh = {socket->snd_una, socket->t.cookie, now, drain->epoch};
	uint32_t id = pool_find(&drain->by_cookie, socket->t.cookie);

	if (!id)
		pool_add(&drain->by_cookie, &fresh);
	else if (at(drain, id)->snd_una != socket->snd_una)
		*at(drain, id) = fresh;
	else
		at(drain, id)->epoch = drain->epoch;
}

void finding_drain_scanned(struct finding_drain *drain, const struct leak_set *set, uint64_t now)
{
	const struct leak_socket *socket;

	drain->epoch++;
	leak_set_for_each (socket, set) {
		if (finding_closes(socket->state) && socket->t.cookie)
			met(drain, socket, now);
	}
	for (uint32_t id = 1; id < drain->by_cookie.used && !set->partial; id++) {
		if (cookie_of(at(drain, id)) && at(drain, id)->epoch != drain->epoch)
			pool_remove(&drain->by_cookie, id);
	}
}

uint64_t finding_drain_ns(const struct finding_drain *drain, const struct leak_socket *socket, uint64_t closing_ns,
			  uint64_t now)
{
	uint64_t silent_ns = socket->silent_ns < closing_ns ? socket->silent_ns : closing_ns, seen_ns = 0;
	uint32_t id;

	if (!finding_closes(socket->state))
		return 0;
	id = pool_find(&drain->by_cookie, socket->t.cookie);
	if (id && now > at(drain, id)->since_ns)
		seen_ns = now - at(drain, id)->since_ns;
	return silent_ns > seen_ns ? silent_ns : seen_ns;
}
