/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rotation of a file that is appended to: FILE becomes FILE.1, what was FILE.1 becomes FILE.2, and so on. The name FILE leads
 * to a file at every moment. FILE.rotate is a rotation under way, FILE.gz.part a compression; what a crash leaves of them is
 * put in order by the next rotation_open().
 */
#pragma once

#include "file_settings.h"
#include "output_open.h"

struct rotation;

/*
 * `place` is where the file was opened; its descriptor stays the caller's, as what the settings point to does. 0, -errno or
 * -output_refusal.
 */
int rotation_open(struct rotation **out, const struct file_settings *settings, const struct output_place *place);

/* The file is another one, after a SIGHUP. 0 or -errno: nothing changed. */
int rotation_move(struct rotation *rotation, const struct output_place *place);

/*
 * `fd` is the file, which has this run's lock. A descriptor of the new one, with the same owner, group, mode and lock; else
 * nothing changed: -EBUSY while the last rotated file is compressed, -ESTALE if the name no longer leads to `fd`, another
 * -errno or -output_refusal.
 */
int rotation_turn(struct rotation *rotation, int fd);

void rotation_close(struct rotation *rotation); /* NULL is fine */
