/* SPDX-License-Identifier: Apache-2.0 */
/* test_sink_webhook_dns.c - sink-webhook and names whose look-up hangs. libcurl finds this file's getaddrinfo. */
#include "webhook_rig.h"

#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "unit.h"

#define LOOKUP_MS 1500 /* of a name that hangs */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned lookups, ended;
static atomic_bool is_held; /* a name hangs until it is false again */

__attribute__((visibility("default"))) int
getaddrinfo(
	const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	const struct timespec t = { LOOKUP_MS / 1000, LOOKUP_MS % 1000 * 1000000L };

	(void)node, (void)service, (void)hints;
	*out = NULL;
	pthread_mutex_lock(&lock);
	lookups++;
	pthread_mutex_unlock(&lock);
	do
		nanosleep(&t, NULL);
	while (is_held);
	pthread_mutex_lock(&lock);
	ended++;
	pthread_mutex_unlock(&lock);
	return EAI_AGAIN;
}

static unsigned
read_locked(const unsigned *n)
{
	pthread_mutex_lock(&lock);
	unsigned value = *n;
	pthread_mutex_unlock(&lock);
	return value;
}

static void
wait_lookups(struct hsw_handle *h, unsigned n)
{
	for (int i = 0; i < 1000 && read_locked(&lookups) < n; i++)
		fake_run(h, 5);
	ck_assert_uint_ge(read_locked(&lookups), n);
}

/* Threads that outlive their handle must not outlive the program's memory. */
static void
wait_threads(struct hsw_handle *h)
{
	for (int i = 0; i < 1000 && read_locked(&ended) < read_locked(&lookups); i++)
		fake_run(h, 5);
	ck_assert_uint_eq(read_locked(&ended), read_locked(&lookups));
}

static const char *const urls[] = { "http://hangs.example/", "https://hangs.example/" };

START_TEST(a_name_that_hangs_blocks_nobody)
{
	for (int i = 0; i < 2; i++) {
		struct hsw_handle *other = OPEN("/", NULL), *h = OPEN_URL(urls[i], NULL);
		is_held = true;
		struct hsw_delivery *d = put(h);
		wait_lookups(h, (unsigned)i + 1);
		fake_cancel(d);
		fake_close(h);
		is_held = false;
		wait_threads(other);
		fake_close(other);
	}
}
END_TEST

START_TEST(a_name_that_hangs_is_not_looked_up_again_at_once)
{
	for (int i = 0; i < 2; i++) {
		struct hsw_handle *h = OPEN_URL(urls[i], NULL);
		unsigned before = read_locked(&lookups);
		struct hsw_delivery *d = put(h);
		wait_lookups(h, before + 1);
		fake_cancel(d);
		for (int n = 0; n < 10; n++) {
			const struct fake_result *r = fake_wait(put(h));
			ck_assert_int_eq(r->outcome, HSW_RETRY);
			ck_assert_str_eq(r->text, "the host's name does not resolve");
		}
		ck_assert_uint_eq(read_locked(&lookups), before + 1);
		wait_threads(h);
		fake_close(h);
	}
}
END_TEST

UNIT_MAIN_WITH("sink-webhook-dns", webhook_rig_setup, webhook_rig_teardown,
	a_name_that_hangs_blocks_nobody, a_name_that_hangs_is_not_looked_up_again_at_once)
