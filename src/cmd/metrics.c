// SPDX-License-Identifier: GPL-2.0-only
#include "metrics.h"

#include "live_view.h"
#include "run.h"
#include "src/cli/parse.h"
#include "src/core/conn.h"
#include "src/host/clock.h"
#include "src/host/self.h"
#include "src/host/usage.h"
#include "src/io/metrics_file.h"
#include "src/io/metrics_server.h"
#include "src/io/output_open.h"
#include "src/pipeline/live.h"
#include "src/pipeline/metrics_run.h"
#include "src/pipeline/outputs.h"

#include <stdlib.h>
#include <string.h>

struct run_metrics {
	const struct options *options;
	const struct metrics_sources *sources;
	struct metrics_run *run;
	struct metrics_server *server; /* NULL: none, as the next one */
	struct metrics_file *file;
	struct live_view_run *page; /* NULL: there is none */
	int file_error;
	int64_t start_wall_ns;
	uint64_t helpers_cpu_ns; /* as last said */
};

/* metrics_run_config.fill */
static void fill(void *ctx, uint64_t now, struct metrics_table *table, struct metrics_self *self)
{
	struct run_metrics *m = ctx;
	const struct metrics_sources *from = m->sources;
	uint64_t helpers_cpu_ns = usage_helpers_cpu_ns();
	struct pipeline_stats stats;

	pipeline_stats(live_pipeline(from->live), &stats);
	conn_table_metrics(pipeline_table(live_pipeline(from->live)), now, table);
	if (helpers_cpu_ns > m->helpers_cpu_ns) /* a counter never falls */
		m->helpers_cpu_ns = helpers_cpu_ns;
	*self = (struct metrics_self){
		.events = stats.events,
		.cpu_us = clock_process_ns() / 1000,
		.helpers_cpu_us = m->helpers_cpu_ns / 1000,
		.rss_bytes = self_rss_bytes(),
		.level = outputs_level(from->outputs),
		.start_wall_ns = m->start_wall_ns,
		.max_connections = from->max_connections,
		.ring_bytes = from->ring_bytes,
	};
	self->ring_used = live_ring_peak(from->live, &self->ring_size);
	outputs_metrics(from->outputs, self);
	if (m->server)
		metrics_server_count(m->server, &self->live);
}

/* metrics_run_config.publish */
static void publish(void *ctx, const char *text, size_t len)
{
	struct run_metrics *m = ctx;
	char why[METRICS_WHY];
	int error;

	if (m->server && metrics_server_publish(m->server, text, len, why))
		warn("--metrics %s: %s; it is started again", m->options->metrics, why);
	error = m->file ? metrics_file_publish(m->file, text, len) : 0;
	if (error && error != m->file_error)
		warn("--metrics-file %s: %s; it is tried again", m->options->metrics_file, output_error(error));
	m->file_error = error;
}

/* Whoever can ask a loopback address or a Unix socket is on this host. */
static bool has_page(const struct options *o, const struct metrics_address *a)
{
	const uint8_t *addr = a->addr.s6_addr;
	bool local = a->path || IN6_IS_ADDR_LOOPBACK(&a->addr) || (IN6_IS_ADDR_V4MAPPED(&a->addr) && addr[12] == 127);

	return o->live_page == LIVE_PAGE_ANY || (o->live_page == LIVE_PAGE_LOCAL && local);
}

static int open_page(struct run_metrics *m)
{
	const struct live_view_config config = {.live = m->sources->live,
						.server = m->server,
						.findings = m->sources->findings,
						.start_wall_ns = m->start_wall_ns};

	m->page = live_view_new(&config);
	return m->page ? EXIT_OK : fail(EXIT_RUNTIME, "out of memory");
}

static int open_server(struct run_metrics *m, const char *text)
{
	struct metrics_address address = {0};
	struct endpoint endpoint;
	char why[METRICS_WHY];

	if (!strncmp(text, "unix:", 5)) {
		address.path = text + 5;
	} else if (parse_endpoint(text, &endpoint)) {
		address.addr = endpoint.addr;
		address.port = endpoint.port;
	}
	address.live = has_page(m->options, &address);
	if (metrics_server_open(&m->server, &address, why))
		return fail(EXIT_OUTPUT, "--metrics %s: %s", text, why);
	return address.live ? open_page(m) : EXIT_OK;
}

static int open_file(struct run_metrics *m, const char *path)
{
	int err = metrics_file_open(&m->file, path);

	return err ? fail(EXIT_OUTPUT, "--metrics-file %s: %s", path, output_error(-err)) : EXIT_OK;
}

int run_metrics_open(struct run_metrics **out, const struct options *o, const struct metrics_sources *sources)
{
	struct run_metrics *m;
	struct metrics_run_config config = {.by = o->metrics_by, .fill = fill, .publish = publish};
	int exit_code = EXIT_OK;

	*out = NULL;
	if (!o->metrics && !o->metrics_file)
		return EXIT_OK;
	m = calloc(1, sizeof(*m));
	if (!m)
		return fail(EXIT_RUNTIME, "out of memory");
	m->options = o;
	m->sources = sources;
	m->start_wall_ns = (int64_t)clock_now_ns() + clock_wall_offset_ns();
	config.ctx = m;
	m->run = metrics_run_new(&config);
	if (!m->run)
		exit_code = fail(EXIT_RUNTIME, "out of memory");
	if (!exit_code && o->metrics)
		exit_code = open_server(m, o->metrics);
	if (!exit_code && o->metrics_file)
		exit_code = open_file(m, o->metrics_file);
	if (exit_code)
		run_metrics_close(m);
	else
		*out = m;
	return exit_code;
}

size_t run_metrics_consumers(struct run_metrics *m, struct record_consumer ret[2])
{
	ret[0] = metrics_run_consumer(m->run);
	if (m->page)
		ret[1] = live_view_consumer(m->page);
	return m->page ? 2 : 1;
}

void run_metrics_close(struct run_metrics *m)
{
	if (!m)
		return;
	live_view_free(m->page);
	metrics_server_close(m->server);
	metrics_file_close(m->file);
	metrics_run_free(m->run);
	free(m);
}
