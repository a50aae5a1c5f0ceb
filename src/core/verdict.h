/* SPDX-License-Identifier: GPL-2.0-only */
/* What a connection was: every judgement of a record is made here, from the same facts. */
#pragma once

#include "state.h"

/* The error that ended it, 0 without one: sk_err of a ->CLOSE, if that is not an old one, or what connect() returned. */
unsigned int verdict_error(const struct conn *c, const struct wire_state *ev);

/* Why it ended, from its ->CLOSE and what came before. */
enum conn_end verdict_end(const struct conn *c, const struct conn_numbers *close);

/* True if FINs and their ACKs ended it: no reset can belong to this close. */
bool verdict_is_clean(const struct conn *c, const struct conn_numbers *close);

/* True if TIME_WAIT follows this clean close on our side. */
bool verdict_time_waits(const struct conn_numbers *close);

/* A reset may follow this close, for which the preliminary verdict is c->end. */
bool verdict_reset_may_follow(const struct conn *c, const struct conn_numbers *close);

/* closed_by, close_kind, conn_state and history, from c and the rest of *rec, the segments above all. */
void verdict_fill(const struct conn *c, bool moved, struct conn_record *rec);
