/* SPDX-License-Identifier: GPL-2.0-only */
#pragma once

struct leak_totals;
struct leaks;

void leaks_write_text(struct leaks *l, const struct leak_totals *totals); /* the whole look */
