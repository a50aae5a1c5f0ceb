/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parser: a process that reads captures and strangers' files, unwinds, and writes events to a pipe. It may be taken over by
 * what it reads: then it has no privilege, no file and no network, and the tracer checks what it writes.
 */
#pragma once

struct parser_fds {
	int ring;    /* the map of captures */
	int events;  /* the pipe, not blocking */
	int opener;  /* the socket */
	int page;    /* a parser_page */
	int control; /* a control_page */
};

_Noreturn void parser_run(const struct parser_fds *fds);
