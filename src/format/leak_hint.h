/* SPDX-License-Identifier: GPL-2.0-only */
/* What to do about a leak. */
#pragma once

#include "src/core/record_types.h"

/* One or two sentences: what the process did, and where to look in its code. */
const char *leak_hint(const struct leak_socket *socket, bool foreign_pids);

/* The same by the cause alone, which is below LEAK_UNSEEN. `opened`: here, not by the peer. */
const char *leak_hint_of_cause(enum leak_cause cause, bool opened);
