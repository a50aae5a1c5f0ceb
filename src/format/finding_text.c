// SPDX-License-Identifier: GPL-2.0-only
/* Foreign bytes, which are names of processes only, go through put_safe(). */
#include "finding_text.h"

#include "leak_hint.h"
#include "put.h"
#include "src/core/findings.h"

#define COMM_MAX 15

/* Where: what holds for all of the finding. */
static void put_place(struct buf *b, const struct finding_record *f)
{
	if (f->about & FINDING_PEER_PORT) {
		buf_str(b, " to ");
		put_endpoint(b, &f->t.id, false, '-');
	} else if (f->about & FINDING_PEER_ADDR) {
		buf_str(b, " from ");
		put_address(b, &f->t.id, false);
	} else if (f->about & FINDING_LOCAL_ADDR) {
		buf_str(b, " at ");
		put_endpoint(b, &f->t.id, true, '-');
	} else if (f->about & FINDING_LOCAL_PORT) {
		put_text_uint(b, " at local port ", f->t.id.local_port);
	}
}

/* "1 connection ", "2 connections ". */
static void put_count(struct buf *b, uint64_t count, const char *what)
{
	put_uint(b, count);
	buf_str(b, what);
	buf_str(b, count == 1 ? "" : "s");
}

static void put_of(struct buf *b, const struct finding_record *f, const char *what)
{
	put_uint(b, f->count);
	put_text_uint(b, " of ", f->of);
	buf_str(b, what);
}

static void put_window(struct buf *b, const struct finding_record *f, const char *before)
{
	put_text_duration(b, before, f->window_ns / 1000);
}

static void put_oldest(struct buf *b, const struct finding_record *f, const char *before)
{
	if (f->oldest_known)
		put_text_duration(b, before, f->oldest_ns / 1000);
}

/* These are sentences. */

/* The subject of a sentence, and its verb for one and for several. */
static void put_connections(struct buf *b, const struct finding_record *f, const char *one, const char *several)
{
	put_count(b, f->count, " connection");
	put_place(b, f);
	buf_str(b, f->count == 1 ? one : several);
}

static void say_queue_full(struct buf *b, const struct finding_record *f)
{
	buf_str(b, "The accept queue");
	put_place(b, f);
	buf_str(b, " is full, so the kernel drops new connections: ");
	put_count(b, f->count, " connection");
	buf_str(b, f->count == 1 ? " waits for accept()" : " wait for accept()");
	put_oldest(b, f, ", the oldest for at least ");
}

static void say_ports(struct buf *b, const struct finding_record *f)
{
	put_of(b, f, " local ports are used up by connections from ");
	put_address(b, &f->t.id, true);
	put_place(b, f);
	buf_str(b, ", TIME_WAIT included");
	if (f->theirs)
		put_text_uint(b, "; of these by the process below ", f->theirs);
	else
		buf_str(b, "; whose they are is not known");
}

static void say_close_wait(struct buf *b, const struct finding_record *f)
{
	const char *cause = leak_cause_name(f->cause);

	put_connections(b, f, " is", " are");
	buf_str(b, " in CLOSE_WAIT: closed by the peer, not here; cause ");
	buf_str(b, cause ?: "not known");
	buf_str(b, !cause || f->cause_certain ? "" : " (likely)");
	if (f->cause_count && f->cause_count < f->count)
		put_text_uint(b, " for ", f->cause_count);
	buf_str(b, f->cause_count && f->cause_count < f->count ? " of them" : "");
	put_oldest(b, f, ", the oldest for at least ");
}

static void say_held(struct buf *b, const struct finding_record *f)
{
	put_connections(b, f, " is", " are");
	buf_str(b, " open only because a child inherited the descriptor: who used it has closed it, and no FIN went out");
	buf_str(b, f->cause_certain ? "" : " (likely)");
	if (f->opener.tgid) {
		buf_str(b, "; it was used by ");
		put_process(b, &(struct conn_tuple){.task = f->opener}, COMM_MAX, true);
		buf_str(b, f->opener_ended ? " (ended)" : "");
	}
	put_oldest(b, f, "; unused for ");
}

static void say_stalled(struct buf *b, const struct finding_record *f)
{
	put_connections(b, f, " waits", " wait");
	buf_str(b, " for accept(), and nobody calls it");
	put_oldest(b, f, ": the oldest waits for at least ");
}

static void say_fin_wait2(struct buf *b, const struct finding_record *f)
{
	put_connections(b, f, " is", " are");
	buf_str(b, " in FIN_WAIT2: closed here, and the peer's program does not close");
	put_oldest(b, f, ", the oldest for ");
}

static void say_unanswered(struct buf *b, const struct finding_record *f)
{
	put_of(b, f, " connections");
	put_place(b, f);
	buf_str(b, " cannot close: nobody acknowledges what was sent, the FIN included");
	put_oldest(b, f, ", the oldest for ");
}

static void say_blocked(struct buf *b, const struct finding_record *f)
{
	put_of(b, f, " connections");
	put_place(b, f);
	buf_str(b, " cannot close: the peer's window is zero, and data still waits before the FIN");
	put_oldest(b, f, ", the oldest for ");
}

static void say_syn(struct buf *b, const struct finding_record *f)
{
	put_count(b, f->count, " attempt");
	buf_str(b, " to connect");
	put_place(b, f);
	buf_str(b, " got no answer");
	put_window(b, f, " in ");
	put_oldest(b, f, ", the longest waited ");
}

static void say_half_open(struct buf *b, const struct finding_record *f)
{
	put_count(b, f->count, " attempt");
	buf_str(b, " to connect");
	put_place(b, f);
	put_window(b, f, " stayed half-open in ");
	buf_str(b, ": the SYN-ACK was repeated, and no ACK came");
}

static void say_refused(struct buf *b, const struct finding_record *f)
{
	put_of(b, f, " connections and attempts");
	put_place(b, f);
	put_window(b, f, " were refused in ");
}

static void say_resets(struct buf *b, const struct finding_record *f)
{
	put_of(b, f, " connections");
	put_place(b, f);
	put_window(b, f, " were reset in ");
}

static void say_retransmits(struct buf *b, const struct finding_record *f)
{
	put_of(b, f, " segments");
	put_text_uint(b, " of network namespace ", f->t.id.netns);
	put_window(b, f, " were sent again in ");
	if (!f->theirs)
		return;
	put_text_uint(b, "; the most, ", f->theirs);
	buf_char(b, ',');
	put_place(b, f);
}

static const struct {
	void (*say)(struct buf *b, const struct finding_record *f);
	const char *hint; /* one line */
} texts[FINDING_MAX] = {
	[FINDING_ACCEPT_QUEUE_FULL] = {say_queue_full,
				       "Find what the accept loop waits for. If it only meets bursts, raise listen()'s backlog "
				       "and net.core.somaxconn."},
	[FINDING_PORTS_USED_UP] = {say_ports, "Keep connections open and use them again; add local or peer addresses; widen "
					      "net.ipv4.ip_local_port_range."},
	[FINDING_CLOSE_WAIT_LEAK] = {say_close_wait,
				     "Close the socket on every way out, as soon as recv() returns 0. `leaks` shows each "
				     "descriptor."},
	[FINDING_HELD_BY_CHILD] = {say_held, "Open sockets with SOCK_CLOEXEC, start children with close_fds; to get rid of it "
					     "now, end the child."},
	[FINDING_ACCEPT_STALLED] = {say_stalled, "The process that listens is stuck: look at its stack. Find what its accept "
						 "loop waits for."},
	[FINDING_FIN_WAIT2_PILE] = {say_fin_wait2,
				    "The leak is in the peer's program, in CLOSE_WAIT there. Run `leaks` on that host."},
	[FINDING_FIN_UNANSWERED] = {say_unanswered,
				    "The peer is gone, or ACKs are dropped. Ends after tcp_orphan_retries repeats "
				    "(tcp_retries2 while a process holds it)."},
	[FINDING_FIN_BLOCKED] = {say_blocked,
				 "The peer's program does not read. If that is wanted there, set SO_LINGER or close "
				 "with a timeout here."},
	[FINDING_SYN_UNANSWERED] = {say_syn, "The address is wrong, the host is down, its accept queue is full, or a firewall "
					     "drops the SYN."},
	[FINDING_HALF_OPEN_PILE] = {say_half_open,
				    "A SYN flood, or the way back to the clients is broken: compare with tcpdump "
				    "on this port."},
	[FINDING_CONNECT_REFUSED] = {say_refused, "Nobody listens there: start the service, or correct the address. Retry with "
						  "growing pauses."},
	[FINDING_RESETS] = {say_resets, "One of the two programs aborts: it closes with unread data, sets SO_LINGER 0, or has "
					"ended. See who sent them."},
	[FINDING_RETRANSMITS] = {say_retransmits, "Segments are lost on the way: look at the interface's drops and errors, the "
						  "path's MTU and its load."},
};

void finding_message(struct buf *b, const struct finding_record *f)
{
	texts[f->id].say(b, f);
	buf_str(b, " (limit ");
	if (f->limit > 1 || !f->limit_percent)
		put_uint(b, f->limit);
	if (f->limit_percent) {
		put_text_uint(b, f->limit > 1 ? ", and " : "", f->limit_percent);
		buf_str(b, " %");
	}
	buf_str(b, ").");
}

const char *finding_hint(const struct finding_record *f)
{
	if (f->id == FINDING_CLOSE_WAIT_LEAK && f->cause < LEAK_UNSEEN)
		return leak_hint_of_cause(f->cause, f->about & FINDING_PEER_PORT);
	return texts[f->id].hint;
}

/* The selection that holds for all of it, in the options that trace, leaks and show have in common. */
static void put_selection(struct buf *b, const struct finding_record *f)
{
	if (f->about & FINDING_PEER_ADDR) {
		buf_str(b, " --peer ");
		put_bare_address(b, &f->t.id, false);
	}
	if (f->about & FINDING_PEER_PORT)
		put_text_uint(b, " -D ", f->t.id.peer_port);
	if (f->about & FINDING_LOCAL_PORT)
		put_text_uint(b, " -L ", f->t.id.local_port);
	if (f->t.id.netns)
		put_text_uint(b, " --netns ", f->t.id.netns);
}

void finding_command(struct buf *b, const struct finding_record *f)
{
	static const struct {
		const char *command, *filter;
	} commands[FINDING_MAX] = {
		[FINDING_ACCEPT_QUEUE_FULL] = {.command = "leaks"},
		[FINDING_PORTS_USED_UP] = {.command = "trace -d 10s"},
		[FINDING_CLOSE_WAIT_LEAK] = {.command = "leaks"},
		[FINDING_HELD_BY_CHILD] = {.command = "show", .filter = " state established"},
		[FINDING_ACCEPT_STALLED] = {.command = "leaks"},
		[FINDING_FIN_WAIT2_PILE] = {.command = "leaks"},
		[FINDING_FIN_UNANSWERED] = {.command = "show", .filter = " state fin-wait-1 state last-ack state closing"},
		[FINDING_FIN_BLOCKED] = {.command = "show", .filter = " state fin-wait-1 state last-ack state closing"},
		[FINDING_SYN_UNANSWERED] = {.command = "show", .filter = " state syn-sent"},
		[FINDING_HALF_OPEN_PILE] = {.command = "trace --json --events summary,retransmit -d 10s"},
		[FINDING_CONNECT_REFUSED] = {.command = "trace --end refused -d 10s"},
		[FINDING_RESETS] = {.command = "trace --end rst_sent,rst_received -d 10s"},
		[FINDING_RETRANSMITS] = {.command = "trace --json --events retransmit -d 10s"},
	};

	buf_str(b, "tcplife-fsm ");
	buf_str(b, commands[f->id].command);
	put_selection(b, f);
	if (commands[f->id].filter)
		buf_str(b, commands[f->id].filter);
}
