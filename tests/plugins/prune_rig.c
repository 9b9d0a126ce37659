/* SPDX-License-Identifier: Apache-2.0 */
/* prune_rig.c - see prune_rig.h. */
#include "prune_rig.h"

#include <stdint.h>

#include "unit.h"

static size_t
purge(int64_t after, size_t limit)
{
	const struct hsw_dead_query q = {
		.destination = str("crm"), .after = after, .limit = limit
	};
	size_t n = 0;

	ck_assert_int_eq(ops->dead_purge(store, &q, &n, &error), HSW_OK);
	return n;
}

int
prune_all(int64_t upto, int64_t before_ms)
{
	int calls = 1;

	while (prune(upto, before_ms, 1000) >= 1000)
		calls++;
	return calls;
}

void
pass_many_dead_letters(const struct prune_rig *rig)
{
	size_t n;
	int is_through;

	attach("crm");
	int64_t last = append_many(2 * LOOK + 2010, 10);
	rig->make_dead(1, 2 * LOOK + 2000);
	rig_reopen();
	ck_assert_uint_eq(prune(last, 1000, 100), SIZE_MAX);
	ck_assert_uint_eq(prune(last, 1000, 100), SIZE_MAX);
	ck_assert_uint_eq(prune(last, 1000, 100), 10);
	ck_assert_uint_eq(prune(last, 1000, 100), 0);
	/* Nothing before those is looked at. */
	ck_assert_uint_eq(purge(2 * LOOK + 1000, 5), 5);
	ck_assert_uint_eq(prune(last, 1000, 100), 5);
	ck_assert_int_eq(ops->dead_expire(store, 101, 1000, &n, &is_through, &error), HSW_OK);
	ck_assert_uint_eq(n, 100);
	ck_assert_uint_eq(prune(last, 1000, 1000), SIZE_MAX);
	ck_assert_str_eq(rig->sql("SELECT min(seq) FROM events"), "101");
	/* What ends behind the tour is for the next one. */
	ck_assert_uint_eq(purge(100, 1), 1);
	ck_assert_int_eq(prune_all(last, 1000), 2);
	ck_assert_int_eq(prune_all(last, 1000), 3);
	ck_assert_str_eq(rig->sql("SELECT min(seq) FROM events"), "102");
	ck_assert_uint_eq(prune(last, 1000, 100), 0);
}

void
find_what_was_too_new(const struct prune_rig *rig)
{
	attach("crm");
	append("the clock was ahead", 5000);
	int64_t last = append_many(LOOK + 1, 10);
	rig->make_dead(2, LOOK + 1);
	rig_reopen();
	ck_assert_int_eq(prune_all(last, 1000), 2);
	ck_assert_str_eq(rig->sql("SELECT max(seq) FROM events"), "5001");
	ck_assert_str_eq(rig->sql("SELECT min(seq) FROM events"), "1");
	prune_all(last, 6000);
	ck_assert_str_eq(rig->sql("SELECT min(seq) FROM events"), "2");
}
