/* SPDX-License-Identifier: GPL-2.0-only */
/* What is wrong in words: of a finding one sentence, what to do, and a command that shows more; and what was looked at. */
#pragma once

#include "buf.h"
#include "src/core/finding.h"

struct record_context;
struct record_owner;

#define FINDING_TEXT_MAX 640 /* bytes of a sentence, which has no foreign bytes but a process's name */

void finding_message(struct buf *b, const struct finding_record *finding);
const char *finding_hint(const struct finding_record *finding);
void finding_command(struct buf *b, const struct finding_record *finding);

/* For people: the lines of one finding. `owner`: of its process. */
void finding_text(struct buf *b, const struct finding_record *finding, const struct record_owner *owner, bool foreign_pids);
void finding_text_head(struct buf *b, const struct diagnosis *diagnosis, const char *hostname);
void finding_text_end(struct buf *b, const struct diagnosis *diagnosis);

/* A part of the end: what was not looked at, after `head`; nothing if all was. */
void finding_text_missing(struct buf *b, const struct diagnosis *diagnosis, const char *head);

/* A scan or a hook is missing, so that finding nothing says little. */
bool finding_text_is_blind(const struct diagnosis *diagnosis);
