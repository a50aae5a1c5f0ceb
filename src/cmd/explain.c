// SPDX-License-Identifier: GPL-2.0-only
/* Words of the output, told in plain language: one entry per word, for somebody who meets it at night. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "run.h"
#include "src/cli/options.h"

static const struct explanation {
	const char *word, *text;
} explanations[] = {
	{"close_wait",
	 "CLOSE_WAIT: the peer has closed, this side has not.\n\n"
	 "The peer sent its FIN: it will send no more. The kernel acknowledged it and now waits for the process to close() "
	 "the\n"
	 "socket. No timer ends this wait. A moment of it is normal, as between a request's end and the answer; minutes of it\n"
	 "are a bug in the process that holds the socket, and each such socket costs a descriptor and memory until accept() "
	 "or\n"
	 "connect() fails. No sysctl helps: only the process can close it, or end.\n\n"
	 "`tcplife-fsm leaks` names the process, the descriptor and one of four causes:\n\n"
	 "  never_accepted       It lies in the accept queue, and the peer gave up. The accept loop is stuck or too slow.\n"
	 "  data_unread          Data came that nobody read, and the end behind it. The worker is stuck, or has lost the "
	 "socket.\n"
	 "  eof_unread           All data was read, the end was not. The program does not look at the socket any more.\n"
	 "  eof_read_not_closed  recv() returned 0 and nobody called close(). An error path or a pool keeps the socket.\n\n"
	 "In ss: Recv-Q is 0 when the end was read, 1 when only it was not, more when data waits, too.\n\n"
	 "In code: close the socket on every way out (defer, with, try-with-resources, RAII, goto out). When recv() returns "
	 "0,\n"
	 "close(). Let pools test idle connections, for a readable idle connection is a dead one. Open sockets with "
	 "SOCK_CLOEXEC:\n"
	 "a child that inherits a descriptor keeps the connection, too. Set a deadline for reads.\n"},
	{"never_accepted",
	 "never_accepted: in CLOSE_WAIT, still in the accept queue.\n\n"
	 "The kernel completed the handshake, the process that listens has not called accept() for it, and the peer has "
	 "closed\n"
	 "meanwhile. `leaks` names who listens. Find what its accept loop waits for: a lock, a full worker pool, EMFILE (no\n"
	 "descriptor left: then look for other leaks of the same process). ss -lt shows the queue's length as Recv-Q.\n"},
	{"data_unread", "data_unread: in CLOSE_WAIT, with data that was never read.\n\n"
			"The process accepted or opened the connection and stopped reading. A worker is blocked elsewhere, a "
			"thread died, or the\n"
			"program dropped its object and not the descriptor. unread_bytes says how much waits.\n"},
	{"eof_unread", "eof_unread: in CLOSE_WAIT, everything was read but the end.\n\n"
		       "The program read what it expected, say one request or one answer, and does not look again. Sockets "
		       "that wait in a pool\n"
		       "must be polled, or tested before use: a readable idle connection has ended. Peeking and poll() do not "
		       "consume the end.\n"},
	{"eof_read_not_closed",
	 "eof_read_not_closed: in CLOSE_WAIT, the end was read and nobody closed.\n\n"
	 "recv() returned 0, or read the last data together with the end (which cannot be told apart: cause_certain is "
	 "false),\n"
	 "and close() never followed. Look at the way out behind that recv(): error paths, callbacks that are never called,\n"
	 "objects that something still refers to. If several processes hold the descriptor, all of them must close it.\n"},
	{"fin_wait2", "FIN_WAIT2: this side has closed, the peer has acknowledged that and has not closed.\n\n"
		      "It is the other end of a CLOSE_WAIT: when it lasts, the leak is in the peer's program. While a process "
		      "holds the socket\n"
		      "(shutdown() without close()) it may last for ever; once it is closed, the kernel ends it after "
		      "net.ipv4.tcp_fin_timeout\n"
		      "(60 s). `tcplife-fsm leaks` lists the peers.\n"},
	{"time_wait", "TIME_WAIT: closed, and kept for 60 seconds by the side that closed first.\n\n"
		      "So that a late segment of this connection cannot be taken for one of the next between the same ports, "
		      "and so that the\n"
		      "peer's FIN can be acknowledged again. It is no leak: it costs little and always ends.\n"},
	{"last_ack", "LAST_ACK: the peer closed first, then this side; the acknowledgement of our FIN is missing.\n\n"
		     "It ends within a round trip. When it lasts, the peer or the network is gone, and the FIN is repeated "
		     "until the kernel\n"
		     "gives up.\n"},
};

static bool same(const char *a, const char *b)
{
	for (; *a && *b; a++, b++) {
		char c = *a == '-' ? '_' : (char)tolower((unsigned char)*a);

		if (c != *b)
			return false;
	}
	return *a == *b;
}

static void list(FILE *to)
{
	for (size_t i = 0; i < sizeof(explanations) / sizeof(explanations[0]); i++)
		fprintf(to, "%s%s", i ? " " : "", explanations[i].word);
	fputc('\n', to);
}

int command_explain(const struct options *options)
{
	const char *word = options->word;

	if (!word) {
		fputs("tcplife-fsm explain WORD: ", stdout);
		list(stdout);
	}
	for (size_t i = 0; word && i < sizeof(explanations) / sizeof(explanations[0]); i++) {
		if (!same(word, explanations[i].word))
			continue;
		fputs(explanations[i].text, stdout);
		word = NULL;
	}
	if (word) {
		fprintf(stderr, "tcplife-fsm: explain '%s': no such word, known are: ", word);
		list(stderr);
		return EXIT_USAGE;
	}
	return fflush(stdout) && errno != EPIPE ? fail(EXIT_OUTPUT, "cannot write to standard output: %s", strerror(errno))
						: EXIT_OK;
}
