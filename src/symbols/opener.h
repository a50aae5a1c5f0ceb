/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The opener: a process that opens one file at a time for the parser. open() of a file on a user's FUSE may take for ever, so
 * it arms a timer that ends it before it touches a path; the tracer starts another one.
 */
#pragma once

/* Never returns. `socket` leads to the parser; `page_fd` is an opener_page. */
_Noreturn void opener_run(int socket, int page_fd);
