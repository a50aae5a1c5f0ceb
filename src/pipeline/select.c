// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is not known does not match: --peer-port 443 does not select connections without a port. Addresses are compared as the
 * output shows them: a v4-mapped socket is IPv4.
 */
#include "select.h"

#include <stdlib.h>
#include <string.h>

#include "consumer.h"

static bool number_matches(const struct value_list *list, uint32_t number)
{
	const uint32_t *numbers = list->items;

	for (size_t i = 0; i < list->len; i++)
		if (numbers[i] == number)
			return true;
	return !list->len;
}

static bool pid_matches(const struct value_list *list, const struct conn_tuple *t)
{
	return number_matches(list, t->from != CONN_FROM_NONE ? t->task.tgid : 0);
}

static bool port_matches(const struct value_list *list, uint16_t port)
{
	const struct port_range *ranges = list->items;

	for (size_t i = 0; i < list->len; i++)
		if (port >= ranges[i].first && port <= ranges[i].last)
			return true;
	return !list->len;
}

static bool in_net(const struct cidr *net, const uint8_t addr[16])
{
	unsigned int bytes = net->bits / 8, rest = net->bits % 8;
	uint8_t mask = 0xff << (8 - rest);

	if (memcmp(net->addr.s6_addr, addr, bytes))
		return false;
	return !rest || ((net->addr.s6_addr[bytes] ^ addr[bytes]) & mask) == 0;
}

static bool net_matches(const struct value_list *list, const uint8_t addr[16])
{
	const struct cidr *nets = list->items;

	for (size_t i = 0; i < list->len; i++)
		if (in_net(&nets[i], addr))
			return true;
	return !list->len;
}

static bool endpoint_matches(const struct endpoint *wanted, const struct wire_ident *id)
{
	size_t size = sizeof(wanted->addr);

	return !wanted->port || (wanted->port == id->local_port && !memcmp(&wanted->addr, id->local_addr, size)) ||
	       (wanted->port == id->peer_port && !memcmp(&wanted->addr, id->peer_addr, size));
}

/* The path itself and everything below it; /a does not select /ab. */
static bool cgroup_matches(const char *wanted, const char *path)
{
	size_t len;

	if (!wanted)
		return true;
	if (!path)
		return false;
	len = strlen(wanted);
	while (len && wanted[len - 1] == '/')
		len--;
	return !strncmp(wanted, path, len) && (path[len] == '/' || path[len] == '\0');
}

static bool ident_matches(const struct selection *s, const struct conn_tuple *t)
{
	static const struct cidr mapped = {.addr.s6_addr = {[10] = 0xff, [11] = 0xff}, .bits = 96};
	const struct wire_ident *id = &t->id;

	if (!t->id_known)
		return !s->endpoint.port && !s->local_ports.len && !s->peer_ports.len && !s->local_nets.len &&
		       !s->peer_nets.len && !s->namespaces.len && s->ipv4 == s->ipv6;
	return endpoint_matches(&s->endpoint, id) && port_matches(&s->local_ports, id->local_port) &&
	       port_matches(&s->peer_ports, id->peer_port) && net_matches(&s->local_nets, id->local_addr) &&
	       net_matches(&s->peer_nets, id->peer_addr) && number_matches(&s->namespaces, id->netns) &&
	       (s->ipv4 == s->ipv6 || s->ipv4 == in_net(&mapped, id->local_addr));
}

bool selection_matches_tuple(const struct selection *s, const struct conn_tuple *t, const struct record_owner *owner)
{
	return (!s->cookie || s->cookie == t->cookie) && pid_matches(&s->pids, t) &&
	       (!s->comm || (t->from != CONN_FROM_NONE && !strncmp(s->comm, t->task.comm, sizeof(t->task.comm)))) &&
	       ident_matches(s, t) && cgroup_matches(s->cgroup, owner ? owner->cgroup : NULL);
}

/* What only the connection's record knows. How a connection ended is asked of those that did. */
static bool life_matches(const struct selection *s, const struct conn_record *conn)
{
	uint32_t states = 0;

	if (conn->end_ns < conn->start_ns + s->min_duration_ns)
		return false;
	for (unsigned int i = 0; i < conn->timeline_len; i++)
		states |= 1U << conn->timeline[i].state;
	if (s->states && !(s->states & states))
		return false;
	return !s->ends || !conn->final || s->ends & 1U << conn->end;
}

/* What the kernel counted for sockets that are not tracked: namespace, local port and state are all that is known of them. */
static bool aggregate_matches(const struct selection *s, uint32_t netns, uint16_t local_port, uint8_t state)
{
	bool asks_more = s->cookie || s->endpoint.port || s->pids.len || s->comm || s->peer_ports.len || s->local_nets.len ||
			 s->peer_nets.len || s->ipv4 != s->ipv6 || s->cgroup || s->min_duration_ns || s->ends;

	if (state == WIRE_NEW_SYN_RECV)
		state = WIRE_SYN_RECV;
	return !asks_more && port_matches(&s->local_ports, local_port) && number_matches(&s->namespaces, netns) &&
	       (!s->states || s->states & 1U << state);
}

static bool without_tuple_matches(const struct selection *s, const struct record *rec)
{
	const struct conn_retransmit_record *retransmit = rec->retransmit;
	const struct conn_reset_record *reset = rec->reset;

	if (rec->kind == RECORD_RETRANSMIT)
		return aggregate_matches(s, retransmit->netns, retransmit->local_port, retransmit->state);
	if (rec->kind == RECORD_RESET)
		return aggregate_matches(s, reset->netns, reset->local_port, reset->state);
	return true;
}

bool selection_matches(const struct selection *select, const struct record *rec, const struct record_owner *owner)
{
	const struct conn_tuple *tuple = record_tuple(rec);

	if (!tuple)
		return without_tuple_matches(select, rec);
	if (!selection_matches_tuple(select, tuple, owner))
		return false;
	return (rec->kind != RECORD_CONNECTION && rec->kind != RECORD_PROGRESS) || life_matches(select, rec->conn);
}

void selection_free(struct selection *select)
{
	free(select->pids.items);
	free(select->namespaces.items);
	free(select->local_ports.items);
	free(select->peer_ports.items);
	free(select->local_nets.items);
	free(select->peer_nets.items);
}
