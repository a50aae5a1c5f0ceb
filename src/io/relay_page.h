/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tracer and a relay share: the relay's orders, and a page of counts. */
#pragma once

#include "relay_types.h"

#include <stdatomic.h>
#include <string.h>

#define RELAY_LINE_MAX (32u * 1024)
#define RELAY_FLUSH_MS 1300 /* so long may a relay deliver when its lines have ended */
#define RELAY_END_MS 1450   /* then it ends in any case, 50 ms before the tracer loses its patience */
#define RELAY_READY "ready" /* a relay's first word; any other is a sentence for the user */

/* A relay's descriptors, from HELPER_FIRST_FD on. */
enum relay_fd { RELAY_FD_LINES, RELAY_FD_PAGE, RELAY_FD_ORDERS, RELAY_FD_SPOOL, RELAY_FD_SAY, RELAY_FDS };

/* Behind it stand the strings, each with its NUL; a length of 0 is a string that is not given. */
struct relay_orders {
	uint32_t kind, tls;
	uint64_t run;         /* a number of this run of the tracer */
	uint64_t spool_bytes; /* 0: no spool */
	uint32_t address_len, secrets_len, ca_len, pad;
};

/* Numbers over all relays of a run: a new one goes on from them. */
struct relay_page {
	_Atomic uint64_t first;   /* the tracer's: number of the first line that the next relay will read */
	_Atomic uint64_t ending;  /* the tracer's: 1 when the run ends, so that several relays end at the same time */
	_Atomic uint64_t version; /* odd while the relay changes the counts below */
	_Atomic uint64_t
		taken; /* lines that the end of this relay does not lose any more: without a spool those that it read */
	_Atomic uint64_t delivered, lost, spooled;
	_Atomic uint64_t earlier_waiting, earlier_delivered, earlier_lost, torn;
	char error[RELAY_ERROR_MAX];
};

/* Both write it: the tracer only while there is no relay. */
static inline void relay_page_error(struct relay_page *page, const char *text)
{
	size_t len = strnlen(text, sizeof(page->error) - 1);

	memcpy(page->error, text, len);
	memset(page->error + len, 0, sizeof(page->error) - len);
}
