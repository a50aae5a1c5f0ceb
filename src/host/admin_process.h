/* SPDX-License-Identifier: GPL-2.0-only */
/* The process that keeps CAP_SYS_ADMIN and CAP_NET_ADMIN for the tracer, which gives them up. */
#pragma once

/* Ends when the tracer does. */
_Noreturn void admin_run(int socket);
