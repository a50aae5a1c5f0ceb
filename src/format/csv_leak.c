// SPDX-License-Identifier: GPL-2.0-only
/* Leaks as rows of CSV, one for each socket: keys of close_wait_leak, and what its group has. The rules are those of csv.c. */
#include "csv_cells.h"
#include "leak_columns.h"
#include "leak_hint.h"
#include "leak_stopgap.h"
#include "put.h"

#include <string.h>

#define HOLDERS_SHOWN 64

static void put_who(struct csv *c, const struct record_owner *owner)
{
	const struct record_running *r = owner ? owner->running : NULL;

	csv_cell_text(c, "unit", owner ? owner->unit : NULL, owner ? owner->unit_len : 0);
	csv_cell_path(c, "user", owner ? owner->user : NULL);
	csv_cell_text(c, "process.cmdline", r ? r->cmdline : NULL, r ? r->cmdline_len : 0);
	csv_cell_uint(c, "process.age_us", r, r ? r->age_us : 0);
	csv_cell_uint(c, "process.fds_open", r && r->fds_known, r ? r->fds_open : 0);
	csv_cell_uint(c, "process.fds_limit", r && r->fds_limit_known, r ? r->fds_limit : 0);
}

static void put_dependency(struct csv *c, const struct leak_socket *socket)
{
	struct label label;

	label_init(&label);
	if (socket)
		leak_put_dependency(&label.b, socket);
	csv_cell_text(c, "dependency", socket ? label.text : NULL, label_len(&label));
	csv_cell_bool(c, "dependency_certain", socket, socket && socket->side_certain);
}

/* PID:FD of each, with a space between two. */
static void put_holders(struct csv *c, const struct leak_record *l)
{
	const struct leak_holder *holder;
	unsigned int n = 0;

	if (!csv_cell(c, "holders"))
		return;
	leak_for_each_holder (holder, l->holders, l->socket) {
		if (n == HOLDERS_SHOWN)
			break;
		put_text_uint(&c->b, n++ ? " " : "", holder->task.tgid);
		put_text_uint(&c->b, ":", (uint64_t)holder->fd);
	}
}

static void put_growth(struct csv *c, const struct leak_record *l)
{
	if (!csv_cell(c, "group_growth_per_min") || !l->growth_known)
		return;
	buf_str(&c->b, l->growth_per_min < 0 ? "-" : "");
	put_uint(&c->b, (uint64_t)(l->growth_per_min < 0 ? -l->growth_per_min : l->growth_per_min));
}

static void put_stopgap(struct csv *c, const struct leak_socket *socket)
{
	struct label label;
	bool any;

	label_init(&label);
	any = socket && !c->in->context->foreign_pids && leak_put_stopgap(&label.b, socket, c->in->owner);
	csv_cell_text(c, "stopgap", any ? label.text : NULL, label_len(&label));
}

/* `l` NULL: the header. */
static void put_leak(struct csv *c, const struct leak_record *l)
{
	const struct leak_socket *socket = l ? l->socket : NULL;
	const struct leak_verdict verdict = socket ? socket->verdict : (struct leak_verdict){.cause = LEAK_UNSEEN};
	const char *hint = socket ? leak_hint(socket, c->in->context->foreign_pids) : NULL;

	put_dependency(c, socket);
	csv_cell_uint(c, "in_state_us", l, socket ? socket->age_ns / 1000 : 0);
	csv_cell_bool(c, "age_is_lower_bound", l, socket && socket->age_is_lower_bound);
	csv_cell_uint(c, "threshold_us", l, l ? l->threshold_ns / 1000 : 0);
	csv_cell_word(c, "cause", leak_cause_name(verdict.cause));
	csv_cell_bool(c, "cause_certain", l, verdict.certain);
	csv_cell_uint(c, "unread_bytes", l && !verdict.unread_unknown, verdict.unread_bytes);
	csv_cell_uint(c, "unsent_bytes", l, verdict.unsent_bytes);
	put_holders(c, l);
	csv_cell_uint(c, "group_open", l, l ? l->group_open : 0);
	put_growth(c, l);
	csv_cell_bool(c, "new", l && l->change && l->change->known, l && l->is_new);
	csv_cell_path(c, "hint", hint);
	put_stopgap(c, socket);
}

static void put_row(struct csv *c, const struct record *rec)
{
	static const struct conn_tuple none;
	const struct record_owner *owner = rec ? c->in->owner : NULL;

	csv_cell_time(c, "ts", rec, rec ? rec->ts : 0);
	csv_cell_word(c, "event", rec ? record_kind_name(rec->kind) : NULL);
	csv_tuple(c, rec ? &rec->leak->socket->t : &none, owner, rec);
	put_who(c, owner);
	put_leak(c, rec ? rec->leak : NULL);
	buf_char(&c->b, '\n');
}

static size_t csv_leak_begin(const struct format_options *options, char *buf, size_t size)
{
	struct csv c = {0};

	(void)options;
	buf_init(&c.b, buf, size);
	put_row(&c, NULL);
	return (size_t)(c.b.p - c.b.start);
}

static size_t csv_leak_format(const struct format_input *in, char *buf, size_t size)
{
	struct csv c = {.in = in};

	if (in->rec->kind != RECORD_CLOSE_WAIT_LEAK)
		return 0;
	buf_init(&c.b, buf, size);
	put_row(&c, in->rec);
	return (size_t)(c.b.p - c.b.start);
}

const struct format format_csv_leak = {.begin = csv_leak_begin, .begin_once = true, .format = csv_leak_format};
