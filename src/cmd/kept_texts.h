/* SPDX-License-Identifier: GPL-2.0-only */
/* The last texts of many: a new one takes the place of the oldest. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct kept_text {
	char *data;
	size_t len;
	unsigned int height; /* the caller's */
};

struct kept_texts {
	struct kept_text *texts;
	size_t max; /* 0: nothing is kept */
	uint64_t added;
};

/* 0 or -ENOMEM. */
int kept_texts_init(struct kept_texts *kept, size_t max);
void kept_texts_free(struct kept_texts *kept);

/* 0, or -ENOMEM: then nothing has changed. */
int kept_texts_add(struct kept_texts *kept, const char *text, size_t len, unsigned int height);

/* How many there are, and one of them, the oldest first. */
size_t kept_texts_len(const struct kept_texts *kept);
const struct kept_text *kept_texts_get(const struct kept_texts *kept, size_t i);
