/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ladders as SVG, without outside resources: readable in light and dark surroundings, and by those who do not see colours.
 * A document has any number of ladders, one below the other.
 */
#pragma once

#include "ladder_steps.h"

#define SVG_WIDTH 940

/* A ladder as a group of elements, with its upper edge at 0. Returns its bytes; `size` is at least LADDER_MAX. */
size_t svg_ladder(const struct ladder *ladder, char *buf, size_t size, unsigned int *ret_height);

#define SVG_PIECE_MAX 4096

/* What stands before the ladders of a document, around one of them, and behind them all: at most SVG_PIECE_MAX bytes. */
size_t svg_begin(unsigned int height, char *buf, size_t size); /* the sum of all heights */
size_t svg_place(unsigned int top, char *buf, size_t size);    /* a ladder follows, and then svg_placed */
extern const char svg_placed[], svg_end[];
