/* SPDX-License-Identifier: GPL-2.0-only */
/* What the command line does not know, and what it may have been. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "options.h"

struct argp_state;

/* The option that argp refused, in a sentence. The exit code. */
int unknown_option(const struct argp_state *state, enum command command, bool command_given);

/* Of a name that no option of a file has: the sentence, in `why`. */
void unknown_key(char *why, size_t size, const char *key);

/* A word that is neither a command nor begins a filter, likewise. */
int unknown_word(const char *word);

/* For `show`: a word that is neither an ID nor begins a filter. */
int unknown_id(const char *word);
