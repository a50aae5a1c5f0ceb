// SPDX-License-Identifier: GPL-2.0-only
/* What stands behind a process of `top`: its connections, leaks, findings, and the help. */
#include "columns.h"
#include "finding_text.h"
#include "leak_hint.h"
#include "put.h"
#include "top_cell.h"
#include "top_text.h"
#include "src/core/top_leaks.h"

#define STATE_WIDTH 11
#define SEVERITY_WIDTH 9
#define AGE_WIDTH 8
#define PID_WIDTH 8
#define NAME_WIDTH 16
#define COUNT_WIDTH 6
#define NETNS_WIDTH 11
#define ADDRESS_WIDTH 22 /* of IPv4 with its port; IPv6 may be longer, and its row too */

static uint64_t us_since(uint64_t now, uint64_t then)
{
	return now > then ? (now - then) / 1000 : 0;
}

static void put_endpoint_cell(struct buf *b, const struct conn_tuple *t, bool local)
{
	struct label label;

	label_init(&label);
	if (t->id_known)
		put_endpoint(&label.b, &t->id, local, '-');
	else
		buf_char(&label.b, '-');
	buf_char(b, ' ');
	buf_put(b, label.text, label_len(&label));
	put_spaces(b, label_len(&label), ADDRESS_WIDTH - 1);
}

static void put_process_cells(struct buf *b, const struct conn_tuple *t, const struct top_style *style)
{
	if (t->from == CONN_FROM_NONE) {
		columns_right(b, "-", 1, PID_WIDTH);
		top_cell_text(b, NULL, 0, NAME_WIDTH, true);
		return;
	}
	top_cell_uint(b, t->task.tgid, PID_WIDTH);
	top_cell_text(b, t->task.comm, strnlen(t->task.comm, sizeof(t->task.comm)), NAME_WIDTH, style->ascii);
}

const char top_text_conn_titles[] = "STATE           FOR LOCAL                 PEER                  R NETNS      CONN_ID";

void top_text_conn(struct buf *b, const struct open_conn *conn, uint64_t now, const struct top_style *style)
{
	static const char roles[CONN_ROLE_MAX] = "-csx";
	const char *state = conn_state_name(conn->state);

	(void)style;
	columns_cell(b, state, strlen(state), STATE_WIDTH, true);
	top_cell_duration(b, conn->entered_known ? "" : ">", us_since(now, conn->entered_ns), AGE_WIDTH);
	put_endpoint_cell(b, &conn->t, true);
	put_endpoint_cell(b, &conn->t, false);
	buf_char(b, ' ');
	buf_char(b, roles[conn->t.role]);
	top_cell_uint(b, conn->t.id.netns, NETNS_WIDTH);
	buf_char(b, ' ');
	put_hex(b, conn->t.cookie);
}

const char top_text_leak_titles[] = " COUNT     AGE     PID COMMAND         PEER                  CAUSE";

void top_text_leak(struct buf *b, const struct top_leak *leak, uint64_t now, const struct top_style *style)
{
	const struct leak_socket *s = &leak->socket;

	top_cell_uint(b, leak->count, COUNT_WIDTH);
	top_cell_duration(b, s->age_is_lower_bound ? ">" : "", s->age_ns / 1000 + us_since(now, leak->aged_ns), AGE_WIDTH);
	put_process_cells(b, &s->t, style);
	put_endpoint_cell(b, &s->t, false);
	buf_char(b, ' ');
	buf_str(b, leak_cause_name(s->verdict.cause) ?: "not known");
}

static void put_line(struct buf *b, const char *label, const char *text, size_t len)
{
	buf_str(b, label);
	columns_put(b, text, len, SIZE_MAX, true);
	buf_char(b, '\n');
}

static void put_owner(struct buf *b, const struct conn_tuple *t, const struct record_owner *owner)
{
	buf_str(b, "Process    ");
	if (t->from == CONN_FROM_NONE)
		buf_str(b, "not known");
	else
		put_process(b, t, SIZE_MAX, true);
	buf_char(b, '\n');
	if (owner->exe)
		put_line(b, "Program    ", owner->exe, strlen(owner->exe));
	if (owner->unit)
		put_line(b, "Service    ", owner->unit, owner->unit_len);
	if (owner->container_id)
		put_line(b, "Container  ", owner->container_id, TOP_CONTAINER);
}

void top_text_leak_more(struct buf *b, const struct top_leak *leak, const struct record_owner *owner, bool foreign_pids)
{
	const struct leak_socket *s = &leak->socket;
	const char *cause = leak_cause_name(s->verdict.cause);

	put_uint(b, leak->count);
	buf_str(b, leak->count == 1 ? " socket leaks in CLOSE_WAIT: the peer has closed, this host has not.\n\n"
				    : " sockets leak in CLOSE_WAIT: the peer has closed, this host has not. One of them:\n\n");
	put_owner(b, &s->t, owner);
	if (s->t.id_known) {
		buf_str(b, "Local      ");
		put_endpoint(b, &s->t.id, true, '-');
		buf_str(b, "\nPeer       ");
		put_endpoint(b, &s->t.id, false, '-');
		put_text_uint(b, "\nNamespace  ", s->t.id.netns);
		buf_char(b, '\n');
	}
	buf_str(b, "Cause      ");
	buf_str(b, cause ?: "not known");
	buf_str(b, cause && !s->verdict.certain ? " (likely)\n\n" : "\n\n");
	buf_str(b, leak_hint(s, foreign_pids));
	buf_str(b, "\n\n`tcplife-fsm leaks` shows descriptors and command lines");
	if (cause) {
		buf_str(b, ", `tcplife-fsm explain ");
		buf_str(b, cause);
		buf_str(b, "` explains the cause");
	}
	buf_str(b, ".\n");
}

const char top_text_finding_titles[] = "SEVERITY      FOR     PID COMMAND         FINDING";

/* Its sentence follows; what does not fit is behind Enter. */
void top_text_finding(struct buf *b, const struct finding_record *f, uint64_t now, const struct top_style *style)
{
	const char *severity = f->severity == FINDING_CRITICAL ? "CRITICAL" : "WARNING";

	columns_cell(b, severity, strlen(severity), SEVERITY_WIDTH, true);
	top_cell_duration(b, "", us_since(now, f->since_ns), AGE_WIDTH);
	put_process_cells(b, &f->t, style);
	buf_char(b, ' ');
	buf_str(b, finding_id_name(f->id));
	buf_str(b, ": ");
	finding_message(b, f);
}

const char top_text_help[] = "Processes by the states of their connections.\n"
			     "A number behind a count is its change since the picture before: 12+3.\n"
			     "TOTAL and LISTEN have none on fewer than 86 columns.\n"
			     "\n"
			     "SYN     SYN_SENT, SYN_RECV: the handshake is not over\n"
			     "ESTAB   ESTABLISHED\n"
			     "FIN     FIN_WAIT1, FIN_WAIT2, CLOSING, LAST_ACK: this host has closed, and\n"
			     "        waits for the peer\n"
			     "CLOSEW  CLOSE_WAIT: the peer has closed, this host has not. What stays leaks\n"
			     "TIMEW   TIME_WAIT: both have closed, the addresses stay in use for a minute\n"
			     "LISTEN  sockets that wait for connections. They are none, so TOTAL leaves\n"
			     "        them out: a server has what it accepted in the other columns\n"
			     "\n"
			     "up down, k j    one row; PgUp PgDn, Home End, g G: more of them\n"
			     "Enter           processes: connections of one; connections: the ladder of\n"
			     "                one; leaks, findings: all about one\n"
			     "Esc, Backspace  back\n"
			     "l  d  p         leaks in CLOSE_WAIT; findings, as of tcplife-fsm diagnose;\n"
			     "                processes\n"
			     "<  >            sort by the column to the left or to the right\n"
			     "P N T L C       sort by pid, name, total, LISTEN, change\n"
			     "r               the other order\n"
			     "/  n            search for a word, in all columns; the next row that has it\n"
			     "\\              filter: show only rows with a word; an empty word shows all\n"
			     "c               namespace, container and service first, or the states first\n"
			     "space           pause, and go on\n"
			     "?  h            this help\n"
			     "q               quit\n";
