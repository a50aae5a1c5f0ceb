/* SPDX-License-Identifier: GPL-2.0-only */
/* What the program knows of itself. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* 12 random hex digits, for one run. */
#define INSTANCE_LEN 13
void self_instance(char instance[INSTANCE_LEN]);

/* For the hashes of tables, for one run. */
struct hash_key;
void self_hash_key(struct hash_key *ret_key);

/* True in a container that does not share the host's processes: it sees its own only. */
bool self_foreign_pids(void);

uint64_t self_rss_bytes(void); /* of this process */

/* As many descriptors as it may have: RLIMIT_NOFILE becomes its hard limit. */
void self_raise_descriptors(void);

/* For an error: which limit of descriptors is reached, and the way out, or NULL if it is none of them. */
const char *self_no_descriptor(int err);

/* What strerror() says of an error, positive or negative; of one of descriptors, the way out. */
const char *self_error(int err);

/*
 * The same way out for a failure of what needs many descriptors and says another reason where it has none (libbpf): if `err` is
 * one of descriptors, or so few are left that they may be the reason. Else NULL.
 */
const char *self_few_descriptors(int err);

/* Tries to have one more descriptor: for what fails without saying why. 0, -EMFILE or -ENFILE. */
int self_try_descriptor(void);
