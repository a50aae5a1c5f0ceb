// SPDX-License-Identifier: GPL-2.0-only
#include "findings_kept.h"

#include "src/core/findings.h"
#include "src/host/cgroup.h"

#include <stdlib.h>
#include <string.h>

#define KEPT_MAX 1000 /* more at one time there are not: finding_set.c */

static void clear(struct kept_finding *item)
{
	free(item->strings);
	*item = (struct kept_finding){0};
}

static struct kept_finding *place(struct findings_kept *kept, uint64_t number)
{
	struct kept_finding *items;

	for (size_t i = 0; i < kept->len; i++) {
		if (kept->items[i].finding.number != number)
			continue;
		clear(&kept->items[i]);
		return &kept->items[i];
	}
	if (kept->len == KEPT_MAX) {
		kept->left_out++;
		return NULL;
	}
	items = reallocarray(kept->items, kept->len + 1, sizeof(*items));
	if (!items) {
		kept->no_memory = true;
		return NULL;
	}
	kept->items = items;
	items[kept->len] = (struct kept_finding){0};
	return &items[kept->len++];
}

/* A copy of `len` bytes at *p, which moves on; NULL of NULL. */
static const char *copy(char **p, const char *text, size_t len)
{
	char *begin = *p;

	if (!text)
		return NULL;
	memcpy(begin, text, len);
	begin[len] = '\0';
	*p += len + 1;
	return begin;
}

static size_t len_of(const char *text)
{
	return text ? strlen(text) : 0;
}

void findings_kept_put(struct findings_kept *kept, const struct record *rec, const struct record_owner *owner)
{
	struct kept_finding *item = place(kept, rec->finding->number);
	size_t exe = len_of(owner->exe), cgroup = len_of(owner->cgroup);
	char *p;

	if (!item)
		return;
	item->finding = *rec->finding;
	item->ts = rec->ts;
	item->strings = p = malloc(exe + cgroup + owner->unit_len + CONTAINER_ID_LEN + owner->pod_uid_len + 5);
	kept->no_memory |= !p;
	if (!p)
		return;
	item->owner = *owner;
	item->owner.user = NULL;
	item->owner.stack = NULL;
	item->owner.running = NULL;
	item->owner.exe = copy(&p, owner->exe, exe);
	item->owner.cgroup = copy(&p, owner->cgroup, cgroup);
	item->owner.unit = copy(&p, owner->unit, owner->unit_len);
	item->owner.container_id = copy(&p, owner->container_id, CONTAINER_ID_LEN);
	item->owner.pod_uid = copy(&p, owner->pod_uid, owner->pod_uid_len);
}

void findings_kept_drop(struct findings_kept *kept, uint64_t number)
{
	for (size_t i = 0; i < kept->len; i++) {
		if (kept->items[i].finding.number != number)
			continue;
		clear(&kept->items[i]);
		kept->items[i] = kept->items[--kept->len];
		return;
	}
}

/* For qsort(). */
static int compare(const void *one, const void *other)
{
	return finding_compare(&((const struct kept_finding *)one)->finding, &((const struct kept_finding *)other)->finding);
}

void findings_kept_sort(struct findings_kept *kept)
{
	if (kept->len)
		qsort(kept->items, kept->len, sizeof(*kept->items), compare);
}

void findings_kept_free(struct findings_kept *kept)
{
	for (size_t i = 0; i < kept->len; i++)
		clear(&kept->items[i]);
	free(kept->items);
}
