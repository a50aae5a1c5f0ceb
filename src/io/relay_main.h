/* SPDX-License-Identifier: GPL-2.0-only */
#pragma once

/* The process of a relay, whose descriptors begin with `first_fd`: it does not return. */
__attribute__((noreturn)) void relay_run(int first_fd);

/* The kinds that this build has, as "kafka, otlp"; "" if none. */
extern const char relay_kinds[];
