/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SipHash-c-d (Aumasson and Bernstein, 2012) of whole 64-bit words: a keyed hash whose collisions nobody can choose who does
 * not know the key. One round per word and three at the end are enough for tables in memory, whose hashes nobody sees.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t k0, k1;
};

struct siphash {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t siphash_rotate(uint64_t x, unsigned int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void siphash_rounds(struct siphash *s, unsigned int n)
{
	while (n--) {
		s->v0 += s->v1;
		s->v2 += s->v3;
		s->v1 = siphash_rotate(s->v1, 13) ^ s->v0;
		s->v3 = siphash_rotate(s->v3, 16) ^ s->v2;
		s->v0 = siphash_rotate(s->v0, 32);
		s->v2 += s->v1;
		s->v0 += s->v3;
		s->v1 = siphash_rotate(s->v1, 17) ^ s->v2;
		s->v3 = siphash_rotate(s->v3, 21) ^ s->v0;
		s->v2 = siphash_rotate(s->v2, 32);
	}
}

static inline void siphash_word(struct siphash *s, uint64_t word, unsigned int rounds)
{
	s->v3 ^= word;
	siphash_rounds(s, rounds);
	s->v0 ^= word;
}

/* "somepseudorandomlygeneratedbytes" */
static inline struct siphash siphash_begin(const struct hash_key *key)
{
	return (struct siphash){key->k0 ^ 0x736f6d6570736575, key->k1 ^ 0x646f72616e646f6d, key->k0 ^ 0x6c7967656e657261,
				key->k1 ^ 0x7465646279746573};
}

static inline uint64_t siphash_end(struct siphash *s, unsigned int rounds)
{
	s->v2 ^= 0xff;
	siphash_rounds(s, rounds);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/* `c` rounds per word, `d` at the end: constants, so that the compiler unrolls them. */
static inline uint64_t siphash(const struct hash_key *key, const uint64_t *words, size_t len, unsigned int c, unsigned int d)
{
	struct siphash s = siphash_begin(key);

	for (size_t i = 0; i < len; i++)
		siphash_word(&s, words[i], c);
	siphash_word(&s, (uint64_t)(8 * len) << 56, c); /* the length in bytes stands in the last byte */
	return siphash_end(&s, d);
}

static inline uint64_t siphash13(const struct hash_key *key, const uint64_t *words, size_t len)
{
	return siphash(key, words, len, 1, 3);
}

/* Where all are of one word: the length, which is the same, is left out. */
static inline uint64_t siphash13_word(const struct hash_key *key, uint64_t word)
{
	struct siphash s = siphash_begin(key);

	siphash_word(&s, word, 1);
	return siphash_end(&s, 3);
}
