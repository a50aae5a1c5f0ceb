/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The executable behind a pid and the path behind a cgroup id. In a live run they are read when an event first names them, and
 * handed over as wire events, so that they are in a recording.
 */
#pragma once

#include "src/core/wire_read.h"

#include <stdbool.h>

struct admin;
struct owner;
struct conn_tuple;
struct exec_shown;
struct process;
struct record_owner;

/*
 * Reads from the kernel which program a thread runs. False: there is no such thread, or it cannot be known. Without such a
 * function no path of a program is read.
 */
typedef bool (*owner_exec_fn)(void *ctx, uint32_t tid, struct exec_shown *ret_shown);

int owner_new(struct owner **out);
void owner_free(struct owner *owner); /* NULL is fine */
void owner_ask(struct owner *owner, owner_exec_fn fn, void *ctx);
void owner_use_admin(struct owner *owner, struct admin *admin); /* of cgroup_root_len() */

/* Live only: hand over a WIRE_EXE or WIRE_CGROUP event, of the time `ts`, for what is not known yet. */
void owner_resolve_process(struct owner *owner, const struct process *process, uint64_t ts, event_fn fn, void *ctx);
void owner_resolve_cgroup(struct owner *owner, uint64_t id, uint64_t ts, event_fn fn, void *ctx);

/*
 * Live only: a WIRE_EXE that another run has made. If its program runs, it is read, and handed over. True: no more is to be
 * known of it. False: it has ended, or calls exec() no more, and what the other run read is all that there is.
 */
bool owner_read_again(struct owner *owner, const struct wire_text *program, event_fn fn, void *ctx);

/* A WIRE_EXE of what is known of a program, for another run; none if that is nothing. */
void owner_keep_program(const struct owner *owner, const struct process *process, uint64_t ts, event_fn fn, void *ctx);

/* Takes in a WIRE_EXE or WIRE_CGROUP event. */
void owner_feed(struct owner *owner, const struct wire_hdr *ev);

/* Fills *ret_owner with what is known; the strings live until the next owner_feed(). */
void owner_describe(struct owner *owner, const struct conn_tuple *tuple, struct record_owner *ret_owner);

/* How many descriptions since the last call lack a path that made room for others, or for which no descriptor was left. */
uint64_t owner_take_forgotten(struct owner *owner);
