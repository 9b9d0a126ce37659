/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prune.c - see prune.h.
 *
 * What an event costs differs a hundredfold between stores, disks and bodies, and a transaction costs a sync
 * whatever it holds. So the batch is sized by what the last one took, and where short batches do not get it
 * done, longer ones may: a store that grows without bound is worse than a commit that waits. While batches
 * come back full, a third of the store thread's time goes into them: deleting an event costs less than half
 * of what storing it did.
 */
#include "prune.h"

size_t
prune_batch(const struct prune *p)
{
	return p->batch != 0 ? p->batch : PRUNE_BATCH_MIN;
}

static int64_t
allowed_ms(const struct prune *p)
{
	unsigned hurry = p->full / PRUNE_PATIENCE;

	return (int64_t)PRUNE_TARGET_MS << (hurry < PRUNE_HURRY_MAX ? hurry : PRUNE_HURRY_MAX);
}

/* Doubles or halves: in between it is well. */
static size_t
resize(const struct prune *p, size_t batch, int64_t took_ms)
{
	if (took_ms > allowed_ms(p) && batch / 2 >= PRUNE_BATCH_MIN)
		return batch / 2;
	if (p->full > 0 && took_ms <= allowed_ms(p) / 2 && batch * 2 <= PRUNE_BATCH_MAX)
		return batch * 2;
	return batch;
}

int64_t
prune_rest_ms(int64_t took_ms)
{
	return (took_ms > 0 ? took_ms : 1) * PRUNE_REST;
}

int64_t
prune_done(struct prune *p, size_t n, int64_t took_ms)
{
	size_t batch = prune_batch(p);

	p->full = n >= batch ? p->full + 1 : 0;
	p->batch = resize(p, batch, took_ms);
	if (p->full > 0)
		return prune_rest_ms(took_ms);
	return n > 0 ? PRUNE_STEADY_MS : PRUNE_EVERY_MS;
}
