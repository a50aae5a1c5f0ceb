/* SPDX-License-Identifier: GPL-2.0-only */
/* Records for the tests of the sinks. */
#ifndef TESTS_SAMPLE_H
#define TESTS_SAMPLE_H

#include "src/format/format.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>
#include <sys/socket.h>

#define SAMPLE_S UINT64_C(1000000000)
#define SAMPLE_CONTAINER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static inline const char *sample_reason(void *ctx, uint32_t reason)
{
	(void)ctx;
	return reason == 3 ? "SK_RST_REASON_NO_SOCKET" : NULL;
}

/* Monotonic 0 is 2026-01-02T03:00:00Z. */
static const struct record_context sample_context = {
	.instance = "0a1b2c3d4e5f",
	.hostname = "web1",
	.boot_id = "7c9e6679-7425-40de-944b-e07fc1f90ae7",
	.version = "0.1.0",
	.kernel = "6.18.0",
	.arch = "x86_64",
	.libbpf = "1.3",
	.clock_offset_ns = INT64_C(1767322800000000000),
	.boot_offset_ns = INT64_C(1767322800000000000) - INT64_C(5000000000),
	.reason_name = sample_reason,
};

static const struct record_owner sample_owner = {
	.exe = "/usr/bin/curl",
	.cgroup = "/user.slice/session-1.scope",
	.container_known = true,
};

static inline void sample_addresses(struct conn_tuple *t, int family, const char *local, uint16_t local_port, const char *peer,
				    uint16_t peer_port)
{
	int ok = inet_pton(AF_INET6, local, t->id.local_addr) == 1 && inet_pton(AF_INET6, peer, t->id.peer_addr) == 1;

	assert(ok);
	(void)ok;
	t->id_known = true;
	t->id.family = (uint8_t)family;
	t->id.local_port = local_port;
	t->id.peer_port = peer_port;
	t->id.netns = 4026531840;
}

/* A curl that closes first and is answered in three segments. */
static inline void sample_connection(struct conn_record *c)
{
	static const struct conn_span timeline[] = {
		{0, 12300, WIRE_SYN_SENT, CONN_BY_LOCAL, CONN_EV_EVENT, true},
		{12300, 87000, WIRE_ESTABLISHED, CONN_BY_PEER, CONN_EV_EVENT, true},
		{99300, 500, WIRE_FIN_WAIT1, CONN_BY_LOCAL, CONN_EV_EVENT, true},
		{99800, 200, WIRE_FIN_WAIT2, CONN_BY_PEER, CONN_EV_EVENT, true},
		{100000, 0, WIRE_CLOSE, CONN_BY_UNKNOWN, CONN_EV_INFERRED, false},
	};

	static const struct conn_segment segments[] = {
		{0, 0, 0, 3, CONN_OUT, CONN_FLAGS_SYN, CONN_PROOF_EVENT, 0, true, true, false, false},
		{12300, 0, 1, 1, CONN_IN, CONN_FLAGS_SYN_ACK, CONN_PROOF_NUMBERS, 0, true, true, true, false},
		{0, 4201, 12582913, 1, CONN_OUT, CONN_FLAGS_FIN_ACK, CONN_PROOF_INFERRED, 0, false, true, true, false},
	};

	*c = (struct conn_record){
		.t = {.cookie = 0x2a01, .role = CONN_CLIENT, .from = CONN_FROM_CONNECT},
		.final = true,
		.start_known = true,
		.duration_known = true,
		.start_ns = 245 * SAMPLE_S,
		.end_ns = 245 * SAMPLE_S + SAMPLE_S / 10,
		.handshake_known = true,
		.handshake_us = 12300,
		.closed_by = CONN_LOCAL,
		.end = CONN_END_FIN,
		.close_kind = CONN_CLOSE_THREE_SEGMENT,
		.conn_state = "SF",
		.history = "ShDdFf",
		.timeline_len = sizeof(timeline) / sizeof(timeline[0]),
		.segments_len = sizeof(segments) / sizeof(segments[0]),
		.isn_local_known = true,
		.isn_local = UINT32_MAX,
		.stats_known = true,
		.stats = {.bytes_sent = 4300,
			  .bytes_acked = 4202,
			  .bytes_received = 12582914,
			  .segs_out = 20,
			  .segs_in = 900,
			  .srtt_us = 12250,
			  .min_rtt_us = 11000,
			  .mss = 1448,
			  .total_retrans = 1,
			  .ca_name = "cubic"},
		.payload_acked = 4200,
		.payload_received = 12582912,
		.unread_known = true,
		.retransmits = {.data = 1},
		.complete = true,
	};
	memcpy(c->timeline, timeline, sizeof(timeline));
	memcpy(c->segments, segments, sizeof(segments));
	sample_addresses(&c->t, AF_INET, "::ffff:10.0.0.1", 40000, "::ffff:93.184.216.34", 443);
	c->t.task = (struct wire_task){.tgid = 4242, .uid = 1000, .start_ns = 200 * SAMPLE_S, .comm = "curl"};
}

/* Nothing is known of it: found by a scan, and then its death. */
static inline void sample_unknown(struct conn_record *c)
{
	*c = (struct conn_record){
		.t = {.cookie = 7},
		.final = true,
		.start_ns = 100 * SAMPLE_S,
		.end_ns = 112 * SAMPLE_S + 345678901,
		.conn_state = "OTH",
		.gaps = 2,
	};
}

/* The longest that an IPv4 row can be, and every value as long as it gets. */
static inline void sample_widest(struct conn_record *c)
{
	static const uint8_t states[] = {WIRE_CLOSE,     WIRE_SYN_SENT, WIRE_SYN_RECV,  WIRE_ESTABLISHED,
					 WIRE_FIN_WAIT1, WIRE_CLOSING,  WIRE_TIME_WAIT, WIRE_CLOSE};

	sample_connection(c);
	sample_addresses(&c->t, AF_INET, "::ffff:255.255.255.255", 65535, "::ffff:255.255.255.255", 65535);
	c->t.role = CONN_SIMULTANEOUS;
	c->t.task.tgid = 4194304;
	memcpy(c->t.task.comm, "sixteen bytes...", WIRE_COMM_LEN);
	c->closed_by = CONN_BOTH;
	c->end = CONN_END_RST_SENT;
	c->handshake_us = 59 * 60000000ULL + 59000000;
	c->start_known = false;
	c->duration_known = false;
	c->end_ns = c->start_ns + (99 * 24 + 23) * 3600 * SAMPLE_S;
	c->payload_acked = 1023;
	c->payload_received = 999 * 1024;
	c->retransmits.data = UINT32_MAX;
	c->timeline_len = sizeof(states);
	for (size_t i = 0; i < sizeof(states); i++)
		c->timeline[i] = (struct conn_span){.state = states[i]};
	c->complete = false;
}

static inline struct record sample_record(enum record_kind kind, const void *body)
{
	return (struct record){.kind = kind, .ts = 245 * SAMPLE_S + SAMPLE_S / 10, .conn = body};
}

#endif
