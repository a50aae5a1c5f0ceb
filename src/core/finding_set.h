/* SPDX-License-Identifier: GPL-2.0-only */
/* Findings that stand or may come up, from look to look, so that none flaps. */
#pragma once

#include "findings.h"
#include "pool.h"

struct finding_set {
	struct pool by_number;
	uint32_t of_id[FINDING_MAX]; /* how many of each there are */
	struct pool left;            /* numbers of those that were left out */
	uint64_t left_out;           /* for lack of room: each once, however many looks met it */
	uint64_t changes;            /* findings that came up or went */
	uint64_t window_ns;          /* of what is offered per time: as long as it was watched; the caller's */
};

int finding_set_init(struct finding_set *set, const struct hash_key *hash_key); /* 0 or -ENOMEM */
void finding_set_free(struct finding_set *set);
uint64_t finding_set_memory(const struct finding_set *set);

/* A look has met it. What is within its limits is left out. */
void finding_set_offer(struct finding_set *set, const struct finding_record *finding);

/* It was up as the run before ended. What no look meets from now on goes, as any other. */
void finding_set_restore(struct finding_set *set, const struct finding_record *finding);

/* Each that is up. */
void finding_set_each(const struct finding_set *set, finding_fn fn, void *ctx);

/* The look at `now` has offered all that this source has. */
void finding_set_close(struct finding_set *set, enum finding_source source, uint64_t now, finding_fn fn, void *ctx);

/* The same of a look that did not see all: what has come up. Whatever it has not met stays as it is. */
void finding_set_close_part(struct finding_set *set, enum finding_source source, uint64_t now, finding_fn fn, void *ctx);

/* The run ends: what stands. The set is empty then. */
void finding_set_stop(struct finding_set *set, finding_fn fn, void *ctx);
