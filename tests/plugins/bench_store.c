/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_store.c EVENTS [GROUP [BYTES [RETENTION_MS [DEDUPE_MS]]]]: what a store does under load. Commits EVENTS
 * events of BYTES bytes, GROUP in a transaction; deletes what is older than RETENTION_MS (0: nothing) as
 * the daemon does, but for one event in ten thousand, which is a dead letter. An id is looked for within
 * DEDUPE_MS. Prints a line ten times: what is kept, its size, what commits took. STORE_PLUGIN and STORE_CONF as in store_rig.h.
 */
#include "store_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <check.h>

#include "../../core/prune.h"

#define GROUP_MAX 512
#define DEAD_EVERY 10000
#define LINES 10
#define BUCKET_US 50
#define BUCKETS 20000

static struct {
	int64_t events;
	size_t group, bytes;
	int64_t retention_ms, dedupe_ms;
} conf = { .group = 100, .bytes = 1000, .dedupe_ms = 86400000 };

static struct prune pruning;
static int64_t prune_at, last_seq, dead;
static unsigned took[BUCKETS]; /* commits */

static int64_t
now_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void
must(int rc)
{
	if (rc == HSW_OK)
		return;
	fprintf(stderr, "%s\n", error.text);
	exit(1);
}

static void
commit_group(int64_t number, size_t n, struct hsw_str body)
{
	struct hsw_store_event events[GROUP_MAX];
	struct hsw_write writes[GROUP_MAX], *batch[GROUP_MAX];
	int64_t now_ms = now_us(CLOCK_REALTIME) / 1000;

	for (size_t i = 0; i < n; i++) {
		uint64_t id = (uint64_t)(number + (int64_t)i) * 0x9e3779b97f4a7c15u;
		events[i] = (struct hsw_store_event){ .received_ms = now_ms,
			.instance = str("sales"),
			.type = str("message.received"),
			.provider = str("evolution"),
			.key = str("5511900000000@s.whatsapp.net"),
			.layout = str("0123456789abcdef"),
			.body = body };
		memcpy(events[i].id, &id, sizeof(id));
		writes[i] = (struct hsw_write){ .kind = HSW_WRITE_EVENT,
			.event = &events[i],
			.at_ms = now_ms - conf.dedupe_ms };
		batch[i] = &writes[i];
	}
	int64_t began = now_us(CLOCK_MONOTONIC);
	must(ops->commit(store, batch, n, &error));
	int64_t bucket = (now_us(CLOCK_MONOTONIC) - began) / BUCKET_US;
	took[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
	last_seq = events[n - 1].seq;
}

static void
prune_when_due(void)
{
	int64_t began = now_us(CLOCK_MONOTONIC) / 1000;
	size_t n = 0;

	if (conf.retention_ms == 0 || began < prune_at)
		return;
	must(ops->prune(store, last_seq, now_us(CLOCK_REALTIME) / 1000 - conf.retention_ms,
		prune_batch(&pruning), &n, &error));
	int64_t now = now_us(CLOCK_MONOTONIC) / 1000;
	prune_at = now + prune_done(&pruning, n, now - began);
}

static double
percentile_ms(double part)
{
	uint64_t all = 0, sum = 0;
	size_t i = 0;

	for (size_t k = 0; k < BUCKETS; k++)
		all += took[k];
	while (i < BUCKETS && (double)(sum += took[i]) < part * (double)all)
		i++;
	return (double)i * BUCKET_US / 1000;
}

static void
print_line(int64_t done, int64_t began_us)
{
	struct hsw_store_stats stats = { 0 };
	struct rusage usage;
	double seconds = (double)(now_us(CLOCK_MONOTONIC) - began_us) / 1e6;

	must(ops->stats(store, &stats, &error));
	getrusage(RUSAGE_SELF, &usage);
	double cpu_us = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
		(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
	printf("events=%lld seconds=%.1f per_s=%.0f kept=%lld mb=%.1f batch=%zu cpu_us=%.1f "
	       "p50_ms=%.2f p99_ms=%.2f p99.9_ms=%.2f\n",
		(long long)done, seconds, (double)done / seconds, (long long)stats.events,
		(double)stats.bytes / 1e6, prune_batch(&pruning), cpu_us / (double)done,
		percentile_ms(0.5), percentile_ms(0.99), percentile_ms(0.999));
	fflush(stdout);
}

START_TEST(run)
{
	char *body = malloc(conf.bytes);
	int64_t began = now_us(CLOCK_MONOTONIC), done = 0;

	memset(body, 'b', conf.bytes);
	attach("crm");
	for (int line = 1; line <= LINES; line++) {
		while (done < conf.events * line / LINES) {
			int64_t left = conf.events - done;
			size_t n = left < (int64_t)conf.group ? (size_t)left : conf.group;
			commit_group(done + 1, n, (struct hsw_str){ body, conf.bytes });
			done += (int64_t)n;
			if (done / DEAD_EVERY > dead) {
				set_dead("crm", last_seq, 1, 1);
				dead++;
			}
			set_cursor("crm", last_seq);
			prune_when_due();
		}
		print_line(done, began);
	}
	free(body);
}
END_TEST

/* The rig asserts, which only a test may do. */
static int
run_as_test(void)
{
	Suite *suite = suite_create("bench");
	TCase *tcase = tcase_create("bench");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tcase, rig_start, rig_end);
	tcase_add_test(tcase, run);
	suite_add_tcase(suite, tcase);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_SILENT);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr,
			"usage: bench_store EVENTS [GROUP [BYTES [RETENTION_MS [DEDUPE_MS]]]]\n");
		return 2;
	}
	conf.events = atoll(argv[1]);
	if (argc > 2)
		conf.group = (size_t)atoll(argv[2]);
	if (argc > 3)
		conf.bytes = (size_t)atoll(argv[3]);
	if (argc > 4)
		conf.retention_ms = atoll(argv[4]);
	if (argc > 5)
		conf.dedupe_ms = atoll(argv[5]);
	if (conf.events < 1 || conf.group < 1 || conf.group > GROUP_MAX || conf.bytes < 1) {
		fprintf(stderr, "bench_store: a number is out of range\n");
		return 2;
	}
	return run_as_test();
}
