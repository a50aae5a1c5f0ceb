// SPDX-License-Identifier: GPL-2.0-only
#include "report_hist.h"

#define SUB_BITS 4

/* Below 16 each number has its own bucket; above, the leading bit and the four behind it choose. */
static unsigned int bucket_of(uint64_t us)
{
	unsigned int top, bucket;

	if (us < REPORT_HIST_SUB)
		return (unsigned int)us;
	top = 63 - (unsigned int)__builtin_clzll(us);
	bucket = (top - SUB_BITS + 1) * REPORT_HIST_SUB + (unsigned int)(us >> (top - SUB_BITS) & (REPORT_HIST_SUB - 1));
	return bucket < REPORT_HIST_BUCKETS ? bucket : REPORT_HIST_BUCKETS - 1;
}

/* Its least value, and how many values it has. */
static uint64_t bucket_begin(unsigned int bucket, uint64_t *ret_width)
{
	unsigned int shift = bucket < REPORT_HIST_SUB ? 0 : bucket / REPORT_HIST_SUB - 1;

	*ret_width = UINT64_C(1) << shift;
	return bucket < REPORT_HIST_SUB ? bucket : (uint64_t)(REPORT_HIST_SUB + bucket % REPORT_HIST_SUB) << shift;
}

void report_hist_add(struct report_hist *hist, uint64_t us)
{
	hist->buckets[bucket_of(us)]++;
	hist->count++;
	if (us > hist->max)
		hist->max = us;
}

uint64_t report_hist_quantile(const struct report_hist *hist, double share)
{
	uint64_t rank = (uint64_t)(share * (double)hist->count + 0.5), seen = 0, width, begin;
	unsigned int bucket = 0;

	if (!rank)
		rank = 1;
	while (bucket < REPORT_HIST_BUCKETS - 1 && (seen += hist->buckets[bucket]) < rank)
		bucket++;
	begin = bucket_begin(bucket, &width);
	begin += (width - 1) / 2;
	return begin < hist->max ? begin : hist->max;
}

uint64_t report_hist_power(const struct report_hist *hist, unsigned int power)
{
	uint64_t width, begin, sum = 0;

	for (unsigned int bucket = 0; bucket < REPORT_HIST_BUCKETS; bucket++) {
		begin = bucket_begin(bucket, &width);
		if (begin >= UINT64_C(2) << power)
			break;
		if (begin >= UINT64_C(1) << power || !power)
			sum += hist->buckets[bucket];
	}
	return sum;
}
