/* SPDX-License-Identifier: GPL-2.0-only */
/* A sentence in the making, and what the records of a connection show. For sentences.c and sentences_end.c. */
#pragma once

#include "ladder_words.h"

struct sentences {
	const struct ladder *l;
	const struct conn_record *rec; /* of the left end */
	struct buf b;
	struct label line; /* the sentence in the making */
};

/* Begins one, and returns where its words go; ends it with a full stop and a line break. */
struct buf *sentence_begin(struct sentences *s);
void sentence_end(struct sentences *s);

void sentence(struct sentences *s, const char *words);                   /* a whole one */
void sentence_of(struct sentences *s, bool left, const char *what);      /* a whole one, of an end */
void sentence_put_end(struct sentences *s, bool left);                   /* "the client curl[4242]" */
void sentence_capital(struct sentences *s);                              /* as its first letter */
void sentence_put_count(struct buf *b, uint64_t count, const char *one); /* "1 byte", "2 bytes" */

/* An end, NULL if its record is missing; its stay in a state, NULL if there was none. */
const struct ladder_end *sentence_side(const struct sentences *s, bool left);
const struct conn_span *sentence_stay(const struct sentences *s, bool left, unsigned int state);

bool sentence_was_open(const struct sentences *s); /* its handshake was done */

/* How it ended, or in what it is. */
void sentences_of_end(struct sentences *s);
