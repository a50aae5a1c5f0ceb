// SPDX-License-Identifier: GPL-2.0-only
/*
 * Entries for the systemd journal in its native protocol: fields, each NAME=text and a newline, or for what a process chose
 * NAME, a newline, the length as 64 bits little endian, the bytes, a newline. docs/journal.md says what the fields are.
 */
#include "finding_text.h"
#include "format.h"
#include "leak_hint.h"
#include "put.h"
#include "text.h"
#include "src/core/level.h"

#include <endian.h>
#include <string.h>

#define BYTES_MAX 1024 /* of a name or a path */
#define WHY_MAX 200    /* columns of a reason */
#define COMM_MAX 64    /* columns of a name in a sentence: 16 bytes, each of which may be escaped */

enum { PRIORITY_WARNING = 4, PRIORITY_NOTICE = 5, PRIORITY_INFO = 6, PRIORITY_DEBUG = 7 };

/* They never change: catalogs and scripts know them. */
static const struct {
	const char *message_id;
	int priority;
} kinds[RECORD_MAX] = {
	[RECORD_CONNECTION] = {"94f37582ffdb4847b5b0c548d46d269a", PRIORITY_INFO},
	[RECORD_PROGRESS] = {"edf707c6c1894dfabd23616ac0de0ae5", PRIORITY_INFO},
	[RECORD_STATE] = {"339397910ca64612950fe66bc543ec70", PRIORITY_DEBUG},
	[RECORD_RETRANSMIT] = {"631f49fec5514285bb992609f1e45ae2", PRIORITY_DEBUG},
	[RECORD_RESET] = {"9be023437e6a4629b2606f3eb23c2913", PRIORITY_DEBUG},
	[RECORD_SNAPSHOT] = {"923ce7001db94d6c82dd3730e2d9be0e", PRIORITY_INFO},
	[RECORD_SUMMARY] = {"c69eac2607234049b927551157f65182", PRIORITY_INFO},
	[RECORD_LOST] = {"14c5118f765346bcb7b9f7ab091c89ce", PRIORITY_WARNING},
	[RECORD_META] = {"b1a529d897bf4420ba254410b1755eaa", PRIORITY_INFO},
	[RECORD_TIME_WAIT] = {"f0b6f0ca648b4bebb431b0cabe45358a", PRIORITY_DEBUG},
	[RECORD_CLOSE_WAIT_LEAK] = {"7a8639944d1b4f828a213afdca0792df", PRIORITY_WARNING},
	[RECORD_CLOSE_WAIT_RESOLVED] = {"0ca62eb495a74cdf9bbd0a59988a7f7e", PRIORITY_INFO},
	[RECORD_FINDING] = {"010f24140e5e40fa96a74c8f58ef0442", PRIORITY_WARNING},
};

/* Fields */

static void field(struct buf *b, const char *name, const char *text) /* without a newline in it; NULL: no field */
{
	if (!text)
		return;
	buf_str(b, name);
	buf_char(b, '=');
	buf_str(b, text);
	buf_char(b, '\n');
}

static void field_uint(struct buf *b, const char *name, uint64_t value)
{
	buf_str(b, name);
	put_text_uint(b, "=", value);
	buf_char(b, '\n');
}

static void field_bytes(struct buf *b, const char *name, const char *data, size_t len) /* NULL: no field */
{
	uint64_t size;

	if (!data)
		return;
	len = len < BYTES_MAX ? len : BYTES_MAX;
	size = htole64(len);
	buf_str(b, name);
	buf_char(b, '\n');
	buf_put(b, (const char *)&size, sizeof(size));
	buf_put(b, data, len);
	buf_char(b, '\n');
}

static void field_path(struct buf *b, const char *name, const char *path)
{
	field_bytes(b, name, path, path ? strlen(path) : 0);
}

/* The boot id keeps numbers of two boots apart, as in JSON. */
static void field_id(struct buf *b, const char *name, const struct format_input *in, const char *mark, uint64_t number)
{
	const char *boot_id = format_boot_id(in->context, in->rec) ?: "00000000";

	buf_str(b, name);
	buf_char(b, '=');
	buf_put(b, boot_id, strnlen(boot_id, 8));
	buf_str(b, mark);
	put_hex(b, number);
	buf_char(b, '\n');
}

/* Sentences */

static void put_who(struct buf *b, const struct conn_tuple *t)
{
	if (t->from == CONN_FROM_NONE)
		buf_str(b, "an unknown process");
	else
		put_process(b, t, COMM_MAX, false);
}

static void put_connection(struct buf *b, const struct conn_tuple *t)
{
	if (!t->id_known) {
		buf_str(b, "a connection");
		return;
	}
	put_endpoint(b, &t->id, true, '-');
	buf_str(b, " from ");
	put_endpoint(b, &t->id, false, '-');
}

static void put_fd(struct buf *b, const struct leak_record *l)
{
	const struct leak_holder *holder;

	leak_for_each_holder (holder, l->holders, l->socket) {
		if (holder->task.tgid != l->socket->t.task.tgid)
			continue;
		put_text_uint(b, " as descriptor ", (uint64_t)holder->fd);
		return;
	}
}

static void leak_message(struct buf *b, const struct format_input *in)
{
	const struct leak_record *l = in->rec->leak;
	const struct leak_socket *socket = l->socket;

	put_who(b, &socket->t);
	buf_str(b, " leaks a socket: the peer of ");
	put_connection(b, &socket->t);
	put_text_duration(b, socket->age_is_lower_bound ? " closed it more than " : " closed it ", socket->age_ns / 1000);
	buf_str(b, " ago, and it is still open here");
	put_fd(b, l);
	if (l->group_open > 1) {
		put_text_uint(b, ", one of ", l->group_open);
		buf_str(b, " for the same cause");
	}
	buf_str(b, ". ");
	buf_str(b, leak_hint(socket, in->context->foreign_pids));
}

static const char *const resolutions[] = {
	[LEAK_CLOSED] = "it was closed",
	[LEAK_PROCESS_EXIT] = "its process ended",
	[LEAK_RESET] = "it was reset",
	[LEAK_TIMEOUT] = "it timed out",
	[LEAK_UNKNOWN] = "it is gone, and how is not known",
	[LEAK_DAEMON_STOP] = "it is still there, but this program stops",
	[LEAK_WHILE_DOWN] = "it ended while this program did not run",
	[LEAK_HOST_RESTART] = "it ended with the host's restart",
};
_Static_assert(sizeof(resolutions) / sizeof(resolutions[0]) == LEAK_RESOLUTION_MAX, "a resolution has no sentence");

static void resolved_message(struct buf *b, const struct format_input *in)
{
	const struct leak_resolved_record *r = in->rec->leak_resolved;

	buf_str(b, "The alert about ");
	put_who(b, r->t);
	buf_str(b, " is over, whose socket, ");
	put_connection(b, r->t);
	put_text_duration(b, r->age_is_lower_bound ? ", was in CLOSE_WAIT for more than " : ", was in CLOSE_WAIT for ",
			  r->in_state_ns / 1000);
	buf_str(b, ": ");
	buf_str(b, resolutions[r->resolution]);
	if (r->count > 1)
		put_text_uint(b, "; sockets that the alert stood for: ", r->count);
	buf_char(b, '.');
}

static void lost_message(struct buf *b, const struct format_input *in)
{
	const struct conn_lost_record *l = in->rec->lost;

	put_text_uint(b, "Lost ", l->count);
	buf_char(b, ' ');
	buf_str(b, text_lost_unit(l->stage));
	buf_str(b, " in stage ");
	buf_str(b, conn_lost_stage_name(l->stage) ?: "-");
	put_text_uint(b, "; since the start: ", l->total);
	buf_char(b, '.');
}

static void degraded_message(struct buf *b, const struct record_meta *m)
{
	const char *before = "tcplife-fsm does not see everything, since it runs without ";

	for (size_t i = 0; i < m->hooks_len; i++) {
		if (m->hooks[i].ok || m->hooks[i].not_needed)
			continue;
		buf_str(b, before);
		put_safe(b, m->hooks[i].name, strlen(m->hooks[i].name), WHY_MAX, false);
		buf_str(b, ": ");
		put_safe(b, m->hooks[i].why, strlen(m->hooks[i].why), WHY_MAX, false);
		before = "; ";
		if (b->p - b->start > BYTES_MAX)
			break;
	}
	buf_char(b, '.');
}

static void names(struct buf *b, const char *before, const char *const *names, size_t len)
{
	for (size_t i = 0; i < len && b->p - b->start < BYTES_MAX; i++) {
		buf_str(b, i ? ", " : before);
		put_safe(b, names[i], strlen(names[i]), WHY_MAX, false);
	}
}

static void reload_message(struct buf *b, const struct record_reload *r)
{
	if (r->error) {
		buf_str(b, "The configuration is wrong, and the old settings stay: ");
		put_safe(b, r->error, strlen(r->error), WHY_MAX, false);
		return;
	}
	buf_str(b, "tcplife-fsm has read its configuration again");
	names(b, ". Changed: ", r->changed, r->changed_len);
	names(b, ". A restart is needed for: ", r->needs_restart, r->needs_restart_len);
	buf_char(b, '.');
}

static void step_message(struct buf *b, const struct record_level_step *step)
{
	buf_str(b, "tcplife-fsm writes ");
	buf_str(b, step->to > step->from ? "less" : "more");
	buf_str(b, ", by the limit of its ");
	buf_str(b, level_reason_name(step->reason));
	buf_str(b, ": level ");
	buf_str(b, record_level_name(step->to));
	buf_char(b, '.');
}

static void meta_message(struct buf *b, const struct format_input *in)
{
	const struct record_meta *m = in->rec->meta;
	const char *does = !strcmp(m->what, "start")   ? " starts"
			   : !strcmp(m->what, "ready") ? " sees all connections from now on"
			   : !strcmp(m->what, "stop")  ? " stops"
						       : NULL;

	if (m->output) {
		const char *state = m->output->error ?: "takes records again";

		buf_str(b, "Output ");
		put_safe(b, m->output->name, strlen(m->output->name), WHY_MAX, false);
		buf_str(b, ": ");
		put_safe(b, state, strlen(state), WHY_MAX, false);
		buf_char(b, '.');
		return;
	}
	if (!strcmp(m->what, "degraded")) {
		degraded_message(b, m);
		return;
	}
	if (m->reload || m->step) {
		m->reload ? reload_message(b, m->reload) : step_message(b, m->step);
		return;
	}
	buf_str(b, "tcplife-fsm ");
	buf_str(b, in->context->version ?: "");
	buf_str(b, does ?: ": ");
	buf_str(b, does ? "" : m->what);
	buf_char(b, '.');
}

/* Of what is no alert: the table's row, or for what has none, its name. */
static void row_message(struct buf *b, const struct format_input *in)
{
	static const struct format_options options = {.full_time = true};
	struct format_input row = *in;
	char text[FORMAT_LINE_MAX];
	size_t len;

	row.options = &options;
	len = format_text.format(&row, text, sizeof(text));
	if (len > 1 && len < BYTES_MAX)
		put_safe(b, text, len - 1, BYTES_MAX, false);
	else
		buf_str(b, record_kind_name(in->rec->kind));
}

static void finding_entry(struct buf *b, const struct format_input *in)
{
	const struct finding_record *f = in->rec->finding;

	buf_str(b, f->what == FINDING_DOWN ? "Over: " : "");
	finding_message(b, f);
	if (f->t.from == CONN_FROM_NONE)
		return;
	buf_char(b, ' ');
	put_process(b, &f->t, COMM_MAX, false);
}

static void put_message(struct buf *b, const struct format_input *in)
{
	static void (*const messages[RECORD_MAX])(struct buf * b, const struct format_input *in) = {
		[RECORD_CLOSE_WAIT_LEAK] = leak_message,
		[RECORD_CLOSE_WAIT_RESOLVED] = resolved_message,
		[RECORD_FINDING] = finding_entry,
		[RECORD_LOST] = lost_message,
		[RECORD_META] = meta_message,
	};

	buf_str(b, "MESSAGE=");
	(messages[in->rec->kind] ?: row_message)(b, in);
	buf_char(b, '\n');
}

static int priority(const struct record *rec)
{
	if (rec->kind == RECORD_META &&
	    (!strcmp(rec->meta->what, "degraded") || (rec->meta->reload && rec->meta->reload->error) ||
	     (rec->meta->output && rec->meta->output->error) ||
	     (rec->meta->step && rec->meta->step->to > rec->meta->step->from)))
		return PRIORITY_WARNING;
	if (rec->kind == RECORD_CLOSE_WAIT_RESOLVED && rec->leak_resolved->resolution != LEAK_CLOSED)
		return PRIORITY_NOTICE; /* nobody repaired it */
	if (rec->kind == RECORD_FINDING && rec->finding->what == FINDING_DOWN)
		return PRIORITY_INFO;
	return kinds[rec->kind].priority;
}

/* Fields of kinds of records */

static void put_tuple(struct buf *b, const struct format_input *in, const struct conn_tuple *t)
{
	const struct record_owner *owner = in->owner;
	char container[65] = "";

	field_id(b, "TCPLIFE_CONN_ID", in, ".", t->cookie);
	if (t->id_known) {
		buf_str(b, "TCPLIFE_LOCAL=");
		put_endpoint(b, &t->id, true, '-');
		buf_str(b, "\nTCPLIFE_PEER=");
		put_endpoint(b, &t->id, false, '-');
		buf_char(b, '\n');
	}
	if (t->from != CONN_FROM_NONE) {
		field_uint(b, "TCPLIFE_PID", t->task.tgid);
		field_bytes(b, "TCPLIFE_COMM", t->task.comm, strnlen(t->task.comm, sizeof(t->task.comm)));
	}
	if (!owner)
		return;
	field_path(b, "TCPLIFE_EXE", owner->exe);
	field_path(b, "TCPLIFE_CGROUP", owner->cgroup);
	if (owner->container_id)
		memcpy(container, owner->container_id, sizeof(container) - 1);
	field(b, owner->id_claimed ? "TCPLIFE_CLAIMED_CONTAINER" : "TCPLIFE_CONTAINER", *container ? container : NULL);
}

static void put_leak(struct buf *b, const struct format_input *in)
{
	const struct leak_record *l = in->rec->leak;

	put_tuple(b, in, &l->socket->t);
	/* For journalctl -u SERVICE, and only of a process that is alive: the journal asks the kernel about it. */
	if (l->socket->t.from != CONN_FROM_NONE && !in->context->foreign_pids)
		field_uint(b, "OBJECT_PID", l->socket->t.task.tgid);
	field_id(b, "TCPLIFE_ALERT_ID", in, l->alert.is_group ? ".g" : ".", l->alert.id);
	field(b, "TCPLIFE_CAUSE", leak_cause_name(l->socket->verdict.cause));
	field_uint(b, "TCPLIFE_IN_STATE_US", l->socket->age_ns / 1000);
	field_uint(b, "TCPLIFE_GROUP_OPEN", l->group_open);
}

static void put_resolved(struct buf *b, const struct format_input *in)
{
	const struct leak_resolved_record *r = in->rec->leak_resolved;

	put_tuple(b, in, r->t);
	field_id(b, "TCPLIFE_ALERT_ID", in, r->alert.is_group ? ".g" : ".", r->alert.id);
	field(b, "TCPLIFE_RESOLUTION", leak_resolution_name(r->resolution));
	field_uint(b, "TCPLIFE_IN_STATE_US", r->in_state_ns / 1000);
}

static void put_finder(struct buf *b, const struct format_input *in)
{
	const struct conn_tuple *t = &in->rec->finding->t;

	if (t->from == CONN_FROM_NONE)
		return;
	field_uint(b, "TCPLIFE_PID", t->task.tgid);
	field_bytes(b, "TCPLIFE_COMM", t->task.comm, strnlen(t->task.comm, sizeof(t->task.comm)));
}

static void put_kind(struct buf *b, const struct format_input *in)
{
	switch (in->rec->kind) {
	case RECORD_CONNECTION:
	case RECORD_PROGRESS:
		put_tuple(b, in, &in->rec->conn->t);
		break;
	case RECORD_CLOSE_WAIT_LEAK:
		put_leak(b, in);
		break;
	case RECORD_CLOSE_WAIT_RESOLVED:
		put_resolved(b, in);
		break;
	case RECORD_FINDING:
		field(b, "TCPLIFE_FINDING", finding_id_name(in->rec->finding->id));
		field(b, "TCPLIFE_SEVERITY", finding_severity_name(in->rec->finding->severity));
		field(b, "TCPLIFE_WHAT", finding_what_name(in->rec->finding->what));
		field_uint(b, "TCPLIFE_COUNT", in->rec->finding->count);
		put_finder(b, in);
		break;
	case RECORD_LOST:
		field(b, "TCPLIFE_STAGE", conn_lost_stage_name(in->rec->lost->stage));
		field_uint(b, "TCPLIFE_COUNT", in->rec->lost->count);
		break;
	case RECORD_META:
		field(b, "TCPLIFE_WHAT", in->rec->meta->what);
		break;
	default:
		break;
	}
}

/* The whole record, if there is room for it. JSON escapes newlines, and ends with one, as a field does. */
static void put_json(struct buf *b, const struct format_input *in)
{
	char *before = b->p;
	size_t len;

	buf_str(b, "TCPLIFE_JSON=");
	len = format_json.format(in, b->p, (size_t)(b->end - b->p));
	b->p = len ? b->p + len : before;
}

static size_t journal_format(const struct format_input *in, char *buf, size_t size)
{
	struct buf b;

	buf_init(&b, buf, size);
	put_message(&b, in);
	field_uint(&b, "PRIORITY", (uint64_t)priority(in->rec));
	field(&b, "SYSLOG_IDENTIFIER", "tcplife-fsm");
	field(&b, "MESSAGE_ID", kinds[in->rec->kind].message_id);
	field(&b, "TCPLIFE_EVENT", record_kind_name(in->rec->kind));
	field(&b, "TCPLIFE_INSTANCE", in->context->instance);
	field_uint(&b, "TCPLIFE_SEQ", in->seq);
	put_kind(&b, in);
	put_json(&b, in);
	return (size_t)(b.p - b.start);
}

const struct format format_journal = {.format = journal_format};
