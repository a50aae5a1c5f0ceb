/* SPDX-License-Identifier: GPL-2.0-only */
/* What stands above and below a ladder: who the two ends are, how the connection went, what the lines mean. */
#pragma once

struct buf;
struct ladder;

void ladder_head(const struct ladder *ladder, struct buf *b);
void ladder_foot(const struct ladder *ladder, struct buf *b);
