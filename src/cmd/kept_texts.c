// SPDX-License-Identifier: GPL-2.0-only
#include "kept_texts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int kept_texts_init(struct kept_texts *kept, size_t max)
{
	*kept = (struct kept_texts){.max = max};
	if (!max)
		return 0;
	kept->texts = calloc(max, sizeof(*kept->texts));
	return kept->texts ? 0 : -ENOMEM;
}

void kept_texts_free(struct kept_texts *kept)
{
	for (size_t i = 0; i < kept->max; i++)
		free(kept->texts[i].data);
	free(kept->texts);
	*kept = (struct kept_texts){0};
}

int kept_texts_add(struct kept_texts *kept, const char *text, size_t len, unsigned int height)
{
	struct kept_text *place;
	char *data = malloc(len + 1);

	if (!data)
		return -ENOMEM;
	memcpy(data, text, len);
	place = &kept->texts[kept->added++ % kept->max];
	free(place->data);
	*place = (struct kept_text){data, len, height};
	return 0;
}

size_t kept_texts_len(const struct kept_texts *kept)
{
	return kept->added < kept->max ? (size_t)kept->added : kept->max;
}

const struct kept_text *kept_texts_get(const struct kept_texts *kept, size_t i)
{
	uint64_t first = kept->added - kept_texts_len(kept);

	return &kept->texts[(first + i) % kept->max];
}
