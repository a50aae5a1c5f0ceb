/* SPDX-License-Identifier: GPL-2.0-only */
/* The process that serves metrics: HTTP by libmicrohttpd, which is in no other process. */
#pragma once

struct live_html;

/* Of a helper with METRICS_FDS descriptors from `first_fd` on. */
_Noreturn void metrics_http_run(int first_fd, const struct live_html *html);
