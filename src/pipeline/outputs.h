/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Outputs of records that run side by side: each with its choice of records, its lines and their numbers, its queue, its
 * losses, and what is said of its troubles.
 */
#pragma once

#include "output_state.h"
#include "src/io/destination.h"
#include "src/io/queue.h"

/* The config's pointers must outlive the outputs. NULL: no memory. */
struct outputs *outputs_new(const struct outputs_config *config);

/* The destination is the outputs' from here on. `before`: NULL if not known. 0 or -errno. */
int outputs_add(struct outputs *outputs, const struct output_spec *spec, struct destination *destination,
		const struct format_before *before);

/* For a pipeline: `consumers` has room for OUTPUTS_MAX. Their number. */
size_t outputs_consumers(struct outputs *outputs, struct record_consumer *consumers);

/* What stands before the first record, e.g. a table's header. */
void outputs_begin(struct outputs *outputs);

/* Another selection; and of each output whose spec is not NULL another sample and detail. The selection must stay. */
void outputs_reload(struct outputs *outputs, const struct selection *select,
		    const struct output_spec *const specs[OUTPUTS_MAX]);

/* How much they write, whatever was asked for: none writes more than this. What it keeps from them is counted. */
void outputs_set_level(struct outputs *outputs, enum record_level level);
enum record_level outputs_level(const struct outputs *outputs);

/* Their numbers for metrics. */
struct metrics_self;
void outputs_metrics(const struct outputs *outputs, struct metrics_self *self);

/*
 * The same, for whoever asks how the run is: for each, in `ret`. `context` knows the times of day. Their number.
 */
struct status_output;
size_t outputs_status(const struct outputs *outputs, const struct record_context *context, struct status_output *ret);

/* Each destination opens its name again. */
void outputs_reopen(struct outputs *outputs);

/* Of all together; losses and troubles are those of the last tick. */
struct outputs_health {
	uint64_t busy_ns; /* the writer that has been in a call of its destination for longest; 0: none is */
	uint64_t lost;
	bool trouble;   /* one does not take its records */
	bool reopening; /* outputs_reopen() has not had its effect on one yet */
};
void outputs_health(const struct outputs *outputs, struct outputs_health *ret);

/* For a loop: becomes readable when an output has failed for good, or its reader has left. */
size_t outputs_len(const struct outputs *outputs);
int outputs_error_fd(const struct outputs *outputs, size_t i);

/* A line of a command that writes no records, to the first output. */
bool outputs_put(struct outputs *outputs, const char *text, size_t len);

struct output_result {
	const char *name;
	uint64_t written;                         /* records, which have arrived as far as the output can know */
	uint64_t dropped, lost;                   /* stages queue and write */
	uint64_t left_out;                        /* by the level */
	uint64_t lost_at_end;                     /* of these: the output did not take them at the end */
	uint64_t kept;                            /* in a spool, for the next run to deliver */
	uint64_t earlier_kept;                    /* the same, of runs before */
	uint64_t earlier_delivered, earlier_lost; /* what runs before had kept */
	int error;                                /* errno of the failure that it ended with; 0: none */
	char why[DESTINATION_ERROR_MAX];          /* the last trouble of a destination that delivers later; "": none */
};

/* Writes what is left, for at most `wait_ns` without progress, ends all, and says what became of each. Their number. */
size_t outputs_close(struct outputs *outputs, uint64_t wait_ns, struct output_result ret[OUTPUTS_MAX]);
