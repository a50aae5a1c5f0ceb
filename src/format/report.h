/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a page of pictures shows, from any number of JSON lines: counters, histograms, the commonest keys and some connections
 * as examples. Pure, and of one size whatever comes: struct report is all the memory that there is.
 */
#pragma once

#include "json_read.h"
#include "report_hist.h"
#include "report_series.h"
#include "report_top.h"
#include "src/core/finding.h"
#include "src/core/travelled.h"

#define REPORT_ALERTS 2048
#define REPORT_FINDINGS 96
#define REPORT_INSTANCES 256
#define REPORT_HOOKS 32
#define REPORT_LONGEST 60
#define REPORT_LEAKING 40
#define REPORT_FAILED 10 /* of each reason */
#define REPORT_WHY_LEN JSON_READ_WHY_LEN

/* What the data cover. */
struct report_cover {
	uint64_t lines, records, bad, outside; /* outside: of the time that was asked for */
	uint64_t kinds[RECORD_MAX + 1];        /* by enum record_kind; the last: of a later version */
	int64_t first_us, last_us;             /* of the records' ts; 0: none */
	uint64_t incomplete, older;            /* connections: not all of it was seen; it began before the tool */
	uint64_t no_timeline;                  /* connections without states, as --detail short writes them */
	uint64_t spans, spans_inferred, spans_scanned;
	uint64_t lost[WIRE_LOST_MAX];
	uint64_t sample;        /* the most that a run was sampled by; 0 and 1: it was not */
	uint64_t foreign_words; /* findings of a later version */
};

/* The numbers of an instance's records: a gap is what the way to here lost. */
struct report_instance {
	char name[13];
	uint64_t least, most, seen;
	int64_t last_us;               /* the latest ts */
	uint64_t again, again_records; /* segments sent again: by the records of connections, and by those of retransmissions */
	bool stopped;                  /* it ended in order */
};

enum report_why { REPORT_IS_LONGEST, REPORT_IS_LEAKING, REPORT_HAS_FAILED };

struct report_example {
	struct ladder_end end;
	uint64_t rank; /* the most stay */
	char host[72], cgroup[160], hint[320];
	char alert[32];  /* of a leak: the alert_id */
	char cause[32];  /* of a leak, which goes on, "data_unread" or "data_unread (likely)"; "": of none */
	char holder[96]; /* of it: "fd 7"; "": not known */
	bool final;
};

struct report_examples {
	unsigned int len, max;
	uint64_t of; /* how many there were to choose from */
	struct report_example *items;
};

#define REPORT_LIKELY " (likely)" /* behind a cause that is not certain */

/* Sockets that leak under one alert_id. */
struct report_alert {
	char id[32], instance[13];
	int64_t open;
	bool some_gone;   /* some of them are gone, or may be, since another run raised it again */
	int64_t since_us; /* of a socket's own alert: when it came into CLOSE_WAIT, or before; 0: not known */
	struct report_key group;
};

struct report_finding {
	char id[32]; /* finding_id, "" for one that the records show and no diagnose wrote */
	enum finding_id what;
	enum finding_severity severity;
	bool gone;
	int64_t since_us;
	uint64_t count;
	char who[40], host[72], message[640], hint[400], command[200];
};

struct report_hook {
	char name[48], why[120];
};

/* Values of report.hosts, report.processes and report.peers. */
enum {
	ROW_CONNECTIONS,
	ROW_FAILED,
	ROW_RESETS,
	ROW_RETRANSMITTED,
	ROW_TIME_WAIT,
	ROW_TIME_WAIT_US,
	ROW_INCOMPLETE,                  /* hosts */
	ROW_LOST,                        /* hosts */
	ROW_LEAKING,                     /* hosts */
	ROW_DIAGNOSED,                   /* hosts: some run looked for findings */
	ROW_PORTS = ROW_INCOMPLETE,      /* peers: the most ports in use, as a summary had it */
	ROW_PORT_RANGE = ROW_LOST,       /* peers */
	ROW_PORTS_PERCENT = ROW_LEAKING, /* peers */
};

/* Values of report.groups: CLOSE_WAIT by process and dependency. */
enum {
	GROUP_SPANS,
	GROUP_US,
	GROUP_LONGEST_US,
	GROUP_LEAKING,
	GROUP_LEAKED,
	GROUP_CAUSE,
	GROUP_CAUSE_CERTAIN,
	GROUP_AGE_US,
	GROUP_ORDER
};

struct report {
	int64_t since_us, until_us; /* INT64_MIN, INT64_MAX: no limit */
	struct report_cover cover;

	struct travelled travelled; /* the state diagram */
	struct report_hist states[WIRE_STATE_MAX];
	uint64_t us_unknown[WIRE_STATE_MAX];

	struct report_hist handshakes[CONN_ROLE_MAX];
	uint64_t ends[CONN_END_MAX];
	struct conn_retransmits again;
	uint64_t again_connections;
	uint64_t triggers[WIRE_TRIGGER_TLP + 1];
	uint64_t resets_by_state[2][WIRE_STATE_MAX]; /* sent, received; by the last state of the connection */

	struct report_axis axis;
	struct report_top hosts, processes, peers, groups, reasons;
	struct report_series group_series[REPORT_TOP_ROWS], peer_series[REPORT_TOP_ROWS];

	struct report_examples longest, leaking, failed[CONN_END_MAX];
	struct report_example longest_items[REPORT_LONGEST], leaking_items[REPORT_LEAKING];
	struct report_example failed_items[CONN_END_MAX][REPORT_FAILED];

	unsigned int alerts_len, findings_len, instances_len, hooks_len;
	uint64_t alerts_dropped, findings_dropped;
	struct report_alert alerts[REPORT_ALERTS];
	struct report_finding findings[REPORT_FINDINGS];
	struct report_instance instances[REPORT_INSTANCES];
	struct report_instance *instance; /* of the record that is read; NULL: there was no room for it */
	struct report_hook hooks[REPORT_HOOKS];

	struct json_read *line; /* of the record that is taken */
};

/* A line by itself. */
struct report_parsed {
	json_t *object; /* NULL: it is not JSON; report_forget() gives it back */
	int kind;       /* enum record_kind, RECORD_MAX for one of a later version; < 0: it is no record, and `why` says why */
	int64_t ts_us;
	struct json_read line; /* if the kind has a connection */
	char why[REPORT_WHY_LEN];
};

/* `r` has sizeof(struct report) bytes, which are all 0. */
void report_init(struct report *r, int64_t since_us, int64_t until_us);

/* One line without its newline. It needs no report, so that threads can do it. */
void report_parse(struct report_parsed *ret, const char *line, size_t len);
void report_forget(struct report_parsed *parsed);

/* Lines in their order. False: it is no record and is left out. */
bool report_take(struct report *r, struct report_parsed *parsed);

/* After the last line: what the records show to be wrong. */
void report_judge(struct report *r);

/* The sum of what leaks now, as far as the records show. */
uint64_t report_leaking(const struct report *r);

/* Two records of one life. */
bool report_example_same(const struct ladder_end *a, const struct ladder_end *b);
