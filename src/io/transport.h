/* SPDX-License-Identifier: GPL-2.0-only */
/* How lines reach a peer over the network. Each protocol is one file that fills in this struct: kafka.c, otlp.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* What becomes of lines. Called on the relay's thread only. */
struct transport_outcome {
	void *ctx;
	void (*delivered)(void *ctx, size_t lines);
	void (*lost)(void *ctx, size_t lines, const char *why); /* for good: refused by the peer, too large, expired */
};
struct transport_config {
	const char *address;      /* what follows "://", without the query: "b1,b2/topic", "host:4318/v1/logs" */
	bool tls;                 /* otlp+https */
	const char *secrets, *ca; /* contents (not paths) of the file that properties= or headers= names, and of ca=; NULL:
				     none. Read as root before privileges are dropped */
	struct transport_outcome outcome;
	bool patient; /* there is a spool: a line never expires, however long the peer is away */
};
struct transport {
	/* Takes a line (its newline included). 0; -EAGAIN: no room now, nothing taken; another -errno: this line can never be
	 * sent, nothing taken. */
	int (*send)(struct transport *t, const char *line, size_t len);
	/* Lets at most `timeout_ms` pass while it delivers and calls the outcome functions. */
	void (*poll)(struct transport *t, int timeout_ms);
	/* Delivers what it can within `timeout_ms`; what is left has the outcome lost. Frees it. */
	void (*close)(struct transport *t, int timeout_ms);

	const char *fatal; /* set by the transport: a sentence once it can do nothing more. The relay is started again then */
};
/* Each protocol has one of these: kafka_open(), otlp_open(). 0, or -errno with a sentence for the user in `why`. */
typedef int (*transport_open_fn)(struct transport **out, const struct transport_config *config, char *why, size_t why_size);
