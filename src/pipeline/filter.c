// SPDX-License-Identifier: GPL-2.0-only
/* Nodes stand behind their operands, so one pass from the first to the last has all values. Nothing recurs. */
#include "filter.h"

#include <stdlib.h>

/* In this order AND is the lesser of two, and OR the greater. OPEN is not known either, but matches. */
enum value { FALSE, UNKNOWN, OPEN, TRUE };

static enum value value_of(bool is)
{
	return is ? TRUE : FALSE;
}

static enum value lesser(enum value a, enum value b)
{
	return a < b ? a : b;
}

static enum value greater(enum value a, enum value b)
{
	return a > b ? a : b;
}

static uint16_t port_of(const struct filter_subject *subject, bool local)
{
	if (!subject->id)
		return local ? subject->local_port : 0;
	return local ? subject->id->local_port : subject->id->peer_port;
}

static enum value compare_port(enum filter_op op, const struct filter_host *host, const struct filter_subject *subject)
{
	uint16_t port = port_of(subject, host->local);

	if (host->any_port)
		return TRUE;
	if (!port)
		return UNKNOWN;
	return value_of(op == FILTER_PORT_LE   ? port <= host->port
			: op == FILTER_PORT_GE ? port >= host->port
					       : port == host->port);
}

static enum value negation(enum value value)
{
	return value == TRUE ? FALSE : value == FALSE ? TRUE : value;
}

static enum value compare_address(const struct filter_host *host, const struct filter_subject *subject)
{
	const struct wire_ident *id = subject->id;

	if (host->family == AF_UNSPEC)
		return TRUE;
	if (!id)
		return UNKNOWN;
	if (!subject->any_family && (host->family == AF_INET6 || host->own_family) && id->family != host->family)
		return FALSE;
	if (host->local ? subject->any_local : subject->any_peer)
		return OPEN;
	return value_of(match_net(&host->net, host->local ? id->local_addr : id->peer_addr));
}

static enum value evaluate(const struct filter_node *node, const enum value *values, const struct filter_subject *subject)
{
	switch (node->op) {
	case FILTER_NOT:
		return negation(values[node->a]);
	case FILTER_AND:
		return lesser(values[node->a], values[node->b]);
	case FILTER_OR:
		return greater(values[node->a], values[node->b]);
	case FILTER_CGROUP:
		return subject->cgroup ? value_of(match_cgroup(node->cgroup, subject->cgroup)) : UNKNOWN;
	case FILTER_HOST:
		return lesser(compare_address(&node->host, subject), compare_port(node->op, &node->host, subject));
	default:
		return compare_port(node->op, &node->host, subject);
	}
}

bool filter_matches(const struct filter *filter, const struct filter_subject *subject)
{
	enum value values[FILTER_NODES_MAX];

	if (filter->states && (!(filter->states & subject->states) || (filter->excluded & subject->states)))
		return false;
	for (size_t i = 0; i < filter->len; i++)
		values[i] = evaluate(&filter->nodes[i], values, subject);
	return !filter->len || values[filter->len - 1] >= OPEN;
}

bool filter_asks_cgroup(const struct filter *filter)
{
	for (size_t i = 0; i < filter->len; i++)
		if (filter->nodes[i].op == FILTER_CGROUP)
			return true;
	return false;
}

void filter_free(struct filter *filter)
{
	free(filter->nodes);
	free(filter->text);
}
