// SPDX-License-Identifier: GPL-2.0-only
#include "helper_main.h"

#include "src/cli/embedded.h"
#include "src/format/live.h"
#include "src/format/report.h"
#include "src/host/admin_process.h"
#include "src/host/helper.h"
#include "src/io/metrics_http.h"
#include "src/io/relay_main.h"
#include "src/symbols/opener.h"
#include "src/symbols/parser.h"

#include <stdlib.h>

static _Noreturn void serve_metrics(int fd)
{
	const struct html_parts parts = embedded_live_parts();
	struct report *blank = calloc(1, sizeof(*blank));
	struct live_html *html = calloc(1, sizeof(*html));

	if (blank && html)
		live_page(&parts, blank, html);
	free(blank);
	metrics_http_run(fd, html);
}

void helper_run_if_asked(int argc, char **argv)
{
	const int fd = HELPER_FIRST_FD;
	enum helper which;

	if (!helper_asked(argc, argv, &which))
		return;
	if (which == HELPER_PARSER)
		parser_run(&(struct parser_fds){fd, fd + 1, fd + 2, fd + 3, fd + 4});
	if (which == HELPER_RELAY)
		relay_run(fd);
	if (which == HELPER_METRICS)
		serve_metrics(fd);
	if (which == HELPER_ADMIN)
		admin_run(fd);
	opener_run(fd, fd + 1);
}
