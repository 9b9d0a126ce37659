/* SPDX-License-Identifier: Apache-2.0 */
/* histogram.c - log-linear buckets: 64 for each power of two of nanoseconds. */
#include "bench.h"

static unsigned
bucket_of(uint64_t ns)
{
	if (ns < 64)
		return (unsigned)ns;
	unsigned power = 63 - (unsigned)__builtin_clzll(ns);
	return (power - 5) * 64 + (unsigned)(ns >> (power - 6) & 63);
}

static double
value_of(unsigned bucket)
{
	if (bucket < 64)
		return bucket;
	unsigned power = bucket / 64 + 5;
	return (double)((1ull << power) + ((uint64_t)(bucket % 64) << (power - 6)));
}

void
histogram_add(struct histogram *h, int64_t ns)
{
	uint64_t value = ns > 0 ? (uint64_t)ns : 0;

	h->buckets[bucket_of(value)]++;
	h->n++;
	if (ns > h->max)
		h->max = ns;
}

double
histogram_ms(const struct histogram *h, double quantile)
{
	uint64_t wanted = (uint64_t)(quantile * (double)h->n), sum = 0;

	for (unsigned i = 0; i < sizeof(h->buckets) / sizeof(h->buckets[0]); i++) {
		sum += h->buckets[i];
		if (sum > wanted)
			return value_of(i) / 1e6;
	}
	return (double)h->max / 1e6;
}
