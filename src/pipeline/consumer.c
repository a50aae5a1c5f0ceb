// SPDX-License-Identifier: GPL-2.0-only
#include "consumer.h"

#include "src/core/finding.h"

const struct conn_tuple *record_tuple(const struct record *rec)
{
	switch (rec->kind) {
	case RECORD_CONNECTION:
	case RECORD_PROGRESS:
		return &rec->conn->t;
	case RECORD_STATE:
		return rec->state->t;
	case RECORD_RETRANSMIT:
		return rec->retransmit->t;
	case RECORD_RESET:
		return rec->reset->t;
	case RECORD_CLOSE_WAIT_LEAK:
		return &rec->leak->socket->t;
	case RECORD_CLOSE_WAIT_RESOLVED:
		return rec->leak_resolved->t;
	case RECORD_FINDING:
		return &rec->finding->t;
	case RECORD_TIME_WAIT:
		return rec->time_wait->t;
	default:
		return NULL;
	}
}
