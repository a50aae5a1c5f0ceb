/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line: argv in, one const struct out. The only module besides main.c that prints errors and chooses exit codes. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/core/record_types.h"
#include "src/core/leak_group.h"

enum command { COMMAND_TRACE, COMMAND_REPLAY, COMMAND_DOCTOR, COMMAND_LEAKS, COMMAND_EXPLAIN, COMMAND_SHOW, COMMAND_MAX };

struct port_range {
	uint16_t first, last;
};

struct cidr {
	struct in6_addr addr; /* IPv4 as ::ffff:a.b.c.d */
	unsigned int bits;    /* of the 128 */
};

/* Values of one selection are joined by or, selections by and. An empty list selects everything. Arrays are owned. */
struct selection {
	uint64_t cookie; /* 0: any */
	char boot[9];    /* first 8 digits of the boot id that belongs to the cookie; "": any */
	uint32_t *pids;
	size_t pids_len;
	const char *comm; /* exact name, up to 15 bytes; NULL: any */
	struct port_range *local_ports, *peer_ports;
	size_t local_ports_len, peer_ports_len;
	struct cidr *local_nets, *peer_nets;
	size_t local_nets_len, peer_nets_len;
	bool ipv4, ipv6;    /* neither or both: no selection */
	uint32_t netns;     /* 0: any */
	const char *cgroup; /* this path and everything below it; NULL: any */
	uint64_t min_duration_ns;
	uint32_t states; /* 1 << enum wire_tcp_state: was ever in one of them; 0: any */
	uint32_t ends;   /* 1 << enum conn_end; 0: any */
};

struct options {
	enum command command;
	const char *file; /* replay FILE */
	const char *word; /* explain WORD */
	const char *from; /* show --from: a recording or JSON lines, "-": stdin; NULL: live */
	bool follow, ascii;
	struct selection select;
	bool json;
	const char *output;   /* NULL or "-": stdout */
	uint32_t events;      /* 1 << enum record_kind */
	uint64_t progress_ns; /* 0: off */
	uint64_t summary_ns;
	bool full_time; /* -T */
	bool wide;      /* -w */
	bool no_header;
	const char *record;
	uint64_t duration_ns; /* 0: until stopped */
	uint64_t ring_bytes;
	uint32_t max_connections;
	enum conn_tw_mode time_wait;
	uint32_t tiers; /* --hooks, 1 << enum wire_tw_tier; 0: not given */
	bool verbose;
	uint64_t threshold_ns; /* in CLOSE_WAIT for so long is a leak */
	bool stacks;           /* where they were opened */
	uint64_t watch_ns;     /* 0: look once */
	uint32_t leaks_max;    /* more than these are an exit code */
	enum leak_by leak_by;
};

/*
 * Fills *ret_options. Returns -1 to go on, or the exit code to end with: --help, --version and --schema print to stdout and
 * give 0, a bad value prints one sentence to stderr that names it and gives EXIT_USAGE. Strings point into argv.
 */
int options_parse(int argc, char **argv, struct options *ret_options);
void options_free(struct options *options);

#endif
