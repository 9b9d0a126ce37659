/* SPDX-License-Identifier: Apache-2.0 */
/* prune_tour.c - see prune_tour.h. */
#include "prune_tour.h"

static void
come_again(struct prune_tour *t, int64_t seq)
{
	if (t->again == 0 || seq < t->again)
		t->again = seq;
}

static void
is_not_named(struct prune_tour *t, int64_t seq)
{
	if (seq <= t->named_upto)
		t->named_upto = seq - 1;
}

void
prune_tour_begin(struct prune_tour *t)
{
	if (t->is_under_way || t->again == 0)
		return;
	t->at = t->again - 1;
	t->again = 0;
}

void
prune_tour_look_again(struct prune_tour *t, int64_t seq)
{
	if (seq <= t->at)
		come_again(t, seq);
	else
		is_not_named(t, seq);
}

void
prune_tour_too_new(struct prune_tour *t, int64_t seq)
{
	come_again(t, seq);
	is_not_named(t, seq);
}

void
prune_tour_passed(struct prune_tour *t, int64_t looked)
{
	bool is_again = t->again != 0 && t->again <= looked;

	t->at = looked;
	prune_tour_found_named(t, is_again ? t->again - 1 : looked);
}

void
prune_tour_found_named(struct prune_tour *t, int64_t upto)
{
	if (upto > t->named_upto)
		t->named_upto = upto;
}

int64_t
prune_tour_free_after(const struct prune_tour *t)
{
	bool is_back = t->again != 0 && t->again <= t->named_upto;

	return is_back ? t->again - 1 : t->named_upto;
}
