/* SPDX-License-Identifier: GPL-2.0-only */
/* The command that ends one leaked connection, and leaves its descriptor to the process. */
#pragma once

#include "buf.h"

#include <stdbool.h>

struct leak_socket;
struct record_owner;

/* False, and nothing is written: no process is known that is where ss sees the socket, in its network namespace. */
bool leak_put_stopgap(struct buf *b, const struct leak_socket *socket, const struct record_owner *owner);
