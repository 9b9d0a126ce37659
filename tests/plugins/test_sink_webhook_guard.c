/* SPDX-License-Identifier: Apache-2.0 */
/* test_sink_webhook_guard.c - sink-webhook: which addresses webhooks of the API reach. */
#include "payload_rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "../../plugins/sink-webhook/guard.h"
#include "unit.h"

static bool
allows(const struct guard *g, const char *text)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return guard_allows(g, (struct sockaddr *)&v4, sizeof(v4));
	ck_assert_int_eq(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
	return guard_allows(g, (struct sockaddr *)&v6, sizeof(v6));
}

START_TEST(only_public_addresses_are_open)
{
	static const char *const closed[] = { "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3",
		"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254",
		"100.64.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16", "224.0.0.1",
		"239.255.255.255", "255.255.255.255", "198.19.255.255", "::", "::1", "fe80::1",
		"febf::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1",
		"::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::ffff:0:10.0.0.1",
		"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
		"2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:c0a8:1::1", "2001::1", "2001:db8::1",
		"fec0::1", NULL };
	static const char *const open[] = { "1.1.1.1", "9.255.255.255", "11.0.0.0", "172.15.0.1",
		"172.32.0.1", "100.63.255.255", "100.128.0.0", "192.167.255.255", "192.169.0.0",
		"169.253.0.1", "128.0.0.1", "223.255.255.255", "198.20.0.0", "168.63.129.17",
		"2606:4700::1111", "2a00::1", "::ffff:1.1.1.1", "64:ff9b::101:101",
		"2002:101:101::1", "2001:200::1", NULL };
	struct hsw_error err;
	struct guard *g = guard_new(NULL, &err);

	for (size_t i = 0; closed[i] != NULL; i++)
		ck_assert_msg(!allows(g, closed[i]), "%s is open", closed[i]);
	for (size_t i = 0; open[i] != NULL; i++)
		ck_assert_msg(allows(g, open[i]), "%s is closed", open[i]);
	struct sockaddr local = { .sa_family = AF_UNIX };
	ck_assert(!guard_allows(g, &local, sizeof(local)));
	guard_free(g);
}
END_TEST

START_TEST(networks_are_opened_by_their_bits)
{
	static const char *const list[] = { "10.1.0.0/17", "fd00:1::/32", "192.168.1.7", NULL };
	static const char *const any[] = { "any", NULL }, *const none[] = { "none", NULL };
	struct hsw_error err;
	struct guard *g = guard_new(list, &err);

	ck_assert(allows(g, "10.1.127.255"));
	ck_assert(allows(g, "::ffff:10.1.0.1"));
	ck_assert(allows(g, "64:ff9b::a01:1"));
	ck_assert(!allows(g, "10.1.128.0"));
	ck_assert(!allows(g, "10.0.255.255"));
	ck_assert(allows(g, "fd00:1::1"));
	ck_assert(!allows(g, "fd00:2::1"));
	ck_assert(allows(g, "192.168.1.7"));
	ck_assert(!allows(g, "192.168.1.6"));
	ck_assert(allows(g, "1.1.1.1"));
	guard_free(g);
	g = guard_new(any, &err);
	ck_assert(allows(g, "127.0.0.1"));
	guard_free(g);
	g = guard_new(none, &err);
	ck_assert(!allows(g, "127.0.0.1"));
	guard_free(g);
}
END_TEST

START_TEST(malformed_networks_are_refused)
{
	static const char *const cases[] = { "", "10.0.0.0/", "10.0.0.0/33", "10.0.0/8", "::/129",
		"10.0.0.0/-1", "10.0.0.0/8x", "example.com", "10.0.0.0/0008",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc" };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const list[] = { cases[i], NULL };
		struct hsw_error err = { "" };
		ck_assert_msg(guard_new(list, &err) == NULL, "%s", cases[i]);
		ck_assert_ptr_nonnull(strstr(err.text, "allow_private: found"));
	}
}
END_TEST

/* One delivery for a destination of the API at this host. */
static struct fake_result
deliver_to(struct hsw_handle *h, int way, const char *host)
{
	char url[128];
	snprintf(url, sizeof(url), "%s://%s:%u/", way == 0 ? "http" : "https", host,
		http_server_port(way_server(way)));
	const char *const options[] = { "url", url, NULL };
	struct hsw_error err;
	void *conf = fake_conf_new(fake_plugin(h), options, &err);
	const struct hsw_envelope *env = fake_envelope_text("{}");
	struct fake_result r = *fake_wait(fake_deliver_to(h, env, 1, conf));

	fake_unref(env);
	fake_conf_free(fake_plugin(h), conf);
	return r;
}

START_TEST(a_webhook_of_the_api_does_not_reach_the_loopback)
{
	static const char *const hosts[] = { "127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0",
		"2130706433" };

	for (int way = 0; way < WAYS; way++) {
		struct hsw_handle *h = OPEN_WAY(way, NULL);
		for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
			struct fake_result r = deliver_to(h, way, hosts[i]);
			ck_assert_int_eq(r.outcome, HSW_RETRY);
			ck_assert_str_eq(
				r.text, "the host's address is not a public one (allow_private)");
		}
		ck_assert_uint_eq(http_server_connections(way_server(way)), 0);
		ck_assert_int_ge(fake_counted(h, "refused_addresses"), 5);
		fake_close(h);
	}
}
END_TEST

START_TEST(networks_that_the_section_opens_are_reached)
{
	for (int way = 0; way < WAYS; way++) {
		struct hsw_handle *h = OPEN_WAY(
			way, "allow_private", "10.0.0.0/8, 127.0.0.0/8", NULL);
		ck_assert_int_eq(deliver_to(h, way, "127.0.0.1").outcome, HSW_DELIVERED);
		fake_close(h);
	}
}
END_TEST

/* Its first address, ::1, is closed; the next one is not. */
START_TEST(closed_addresses_of_a_name_are_passed_over)
{
	struct hsw_handle *h = OPEN_WAY(0, "allow_private", "127.0.0.0/8", NULL);

	ck_assert_int_eq(deliver_to(h, 0, "localhost").outcome, HSW_DELIVERED);
	fake_close(h);
}
END_TEST

START_TEST(a_sections_own_receiver_is_trusted_unless_it_says_otherwise)
{
	for (int way = 0; way < WAYS; way++) {
		struct hsw_handle *h = OPEN_WAY(way, NULL);
		ck_assert_int_eq(fake_wait(put(h))->outcome, HSW_DELIVERED);
		fake_close(h);
		char url[128]; /* an address would be refused when it is opened */
		snprintf(url, sizeof(url), "%s://localhost:%u/", way == 0 ? "http" : "https",
			http_server_port(way_server(way)));
		h = OPEN_URL(url, "allow_private", "none", NULL);
		ck_assert_int_eq(fake_wait(put(h))->outcome, HSW_RETRY);
		ck_assert_int_ge(fake_counted(h, "refused_addresses"), 1);
		fake_close(h);
	}
}
END_TEST

UNIT_MAIN_WITH("sink-webhook: addresses", payload_rig_setup, payload_rig_teardown,
	only_public_addresses_are_open, networks_are_opened_by_their_bits,
	malformed_networks_are_refused, a_webhook_of_the_api_does_not_reach_the_loopback,
	networks_that_the_section_opens_are_reached, closed_addresses_of_a_name_are_passed_over,
	a_sections_own_receiver_is_trusted_unless_it_says_otherwise)
