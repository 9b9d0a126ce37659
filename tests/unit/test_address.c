/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of addresses and networks as text, and of who the client behind proxies is. */
#include "unit.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "buf.h"
#include "forwarded.h"

/* ---- addresses ---- */

static const char *
printed(const char *text)
{
	static char out[ADDRESS_TEXT_SIZE];
	struct address a;

	return address_parse(str_of(text), &a) ? address_print(&a, out) : "none";
}

START_TEST(addresses_are_read_with_and_without_a_port)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "192.0.2.1:8080", "192.0.2.1" },
		{ "192.0.2.1:_hidden", "192.0.2.1" },
		{ "2001:db8::1", "2001:db8::1" },
		{ "2001:DB8:0:0::1", "2001:db8::1" },
		{ "[2001:db8::1]", "2001:db8::1" },
		{ "[2001:db8::1]:443", "2001:db8::1" },
		{ "[2001:db8::1]:_a.b-c", "2001:db8::1" },
		{ "::", "::" },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "[::ffff:192.0.2.1]:1", "192.0.2.1" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_str_eq(printed(rows[i].text), rows[i].expected);
}
END_TEST

START_TEST(what_is_no_address_is_refused)
{
	static const char *const rows[] = { "", " ", "unknown", "_hidden", "localhost", "192.0.2",
		"192.0.2.256", "192.0.2.1.5", "0x7f.1", "192.0.2.1 ", "192.0.2.1:", "192.0.2.1:x",
		"192.0.2.1:80 80", "192.0.2.1:123456", "192.0.2.1:_", "192.0.2.1/8", "[", "[]", "]",
		"[2001:db8::1", "2001:db8::1]", "[2001:db8::1]x", "[2001:db8::1]443",
		"[2001:db8::1]:", "[2001:db8::1]:x", "[2001:db8::1]]", "2001:db8::1::2",
		"fe80::1%eth0", ":", ":80", "::1:2:3:4:5:6:7:8",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000" };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(strcmp(printed(rows[i]), "none") == 0, "\"%s\" is %s", rows[i],
			printed(rows[i]));
}
END_TEST

START_TEST(an_address_ends_where_its_text_ends)
{
	static const struct hsw_str rows[] = { { "127.0.0.1\0.example", 18 }, { "[::1\0]:80", 9 },
		{ "::1\0", 4 }, { "192.0.2.1:8\0", 12 } };
	struct address a;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(!address_parse(rows[i], &a), "row %zu", i);
	ck_assert(address_parse((struct hsw_str){ "192.0.2.123", 9 }, &a));
	char text[ADDRESS_TEXT_SIZE];
	ck_assert_str_eq(address_print(&a, text), "192.0.2.1");
}
END_TEST

START_TEST(sockets_addresses_are_of_their_kind)
{
	struct sockaddr_storage s = { .ss_family = AF_UNIX };
	struct address a = address_of(&s);
	char text[ADDRESS_TEXT_SIZE];

	ck_assert_str_eq(address_print(&a, text), "unix");
	ck_assert(address_is_local(&a));
	s.ss_family = AF_UNSPEC;
	a = address_of(&s);
	ck_assert_str_eq(address_print(&a, text), "unknown");
	ck_assert(!address_is_local(&a));
	*(struct sockaddr_in *)&s = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(0x7f000203) };
	a = address_of(&s);
	ck_assert_str_eq(address_print(&a, text), "127.0.2.3");
	ck_assert(address_is_local(&a));
	*(struct sockaddr_in6 *)&s = (struct sockaddr_in6){ .sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	a = address_of(&s);
	ck_assert_str_eq(address_print(&a, text), "::1");
	ck_assert(address_is_local(&a));
}
END_TEST

START_TEST(only_this_machine_is_local)
{
	static const char *const local[] = { "127.0.0.1", "127.255.255.255", "::1",
		"::ffff:127.0.0.1" };
	static const char *const others[] = { "126.255.255.255", "128.0.0.0", "0.0.0.0",
		"::", "::2", "::127.0.0.1", "10.0.0.1", "fe80::1" };
	struct address a;

	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		ck_assert_msg(address_parse(str_of(local[i]), &a) && address_is_local(&a), "%s",
			local[i]);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ck_assert_msg(address_parse(str_of(others[i]), &a) && !address_is_local(&a), "%s",
			others[i]);
}
END_TEST

/* ---- networks ---- */

static bool
has(const char *network, const char *address)
{
	struct network n;
	struct address a;

	ck_assert_msg(network_parse(network, &n), "%s", network);
	ck_assert_msg(address_parse(str_of(address), &a), "%s", address);
	return network_has(&n, &a);
}

START_TEST(networks_have_what_their_bits_say)
{
	static const struct {
		const char *network, *inside, *outside;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.1", "192.0.2.2" },
		{ "10.0.0.0/8", "10.255.255.255", "11.0.0.0" },
		{ "10.9.9.9/8", "10.0.0.0", "9.255.255.255" },
		{ "172.16.0.0/12", "172.31.255.255", "172.32.0.0" },
		{ "192.0.2.128/25", "192.0.2.200", "192.0.2.127" },
		{ "192.0.2.0/31", "192.0.2.1", "192.0.2.2" },
		{ "0.0.0.0/0", "255.255.255.255", "2001:db8::1" },
		{ "10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3" },
		{ "::ffff:10.0.0.0/104", "10.1.2.3", "11.1.2.3" },
		{ "2001:db8::/32", "2001:db8:ffff::1", "2001:db9::" },
		{ "2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::" },
		{ "2001:db8::1/128", "2001:db8::1", "2001:db8::2" },
		{ "fc00::/7", "fdff::1", "fe00::" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_msg(has(rows[i].network, rows[i].inside), "row %zu", i);
		ck_assert_msg(!has(rows[i].network, rows[i].outside), "row %zu", i);
	}
	ck_assert(has("::/0", "10.0.0.1"));
}
END_TEST

START_TEST(the_network_unix_is_of_sockets_alone)
{
	const struct address is_unix = { .kind = ADDRESS_UNIX }, is_unknown = { .kind = 0 };
	struct network n;

	ck_assert(network_parse("unix", &n));
	ck_assert(network_has(&n, &is_unix));
	ck_assert(!network_has(&n, &is_unknown));
	ck_assert(!has("unix", "127.0.0.1"));
	ck_assert(network_parse("::/0", &n));
	ck_assert(!network_has(&n, &is_unix));
	ck_assert(!network_has(&n, &is_unknown));
}
END_TEST

START_TEST(what_is_no_network_is_refused)
{
	static const char *const rows[] = { "", "/", "/8", "10.0.0.0/", "10.0.0.0/33",
		"10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/ 8", "10.0.0.0/8 ", "10.0.0.0/8/8",
		"10.0.0.0/0x8", "10.0.0.0/4294967304", "10.0.0.0/18446744073709551624", "10/8",
		"2001:db8::/129", "[2001:db8::]/32", "10.0.0.1:80", "unix/8", "Unix", "all" };
	struct network n;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(!network_parse(rows[i], &n), "%s", rows[i]);
}
END_TEST

/* ---- the client behind proxies ---- */

static struct network proxies[] = { { .bits = 0 }, { .bits = 0 }, { .bits = 0 } };
static const struct server_conf conf = { .proxies = proxies, .n_proxies = 3 };

struct row {
	const char *peer, *xff, *forwarded, *proto;
	const char *client;
	bool is_local, is_https;
};

static void
set_proxies(void)
{
	ck_assert(network_parse("127.0.0.0/8", &proxies[0]));
	ck_assert(network_parse("10.0.0.0/8", &proxies[1]));
	ck_assert(network_parse("2001:db8::/32", &proxies[2]));
}

/* Applies the row's headers to a connection without TLS; local as the server finds it. */
static void
check(const struct row *rows, size_t n)
{
	char text[ADDRESS_TEXT_SIZE];

	set_proxies();
	for (size_t i = 0; i < n; i++) {
		const struct row *r = &rows[i];
		struct forwarded_client c = { .is_https = false };
		ck_assert(address_parse(str_of(r->peer), &c.address));
		c.is_local = address_is_local(&c.address);
		const struct forwarded_headers h = { .xff = str_of(r->xff),
			.proto = str_of(r->proto),
			.forwarded = str_of(r->forwarded) };
		forwarded_apply(&conf, &h, &c);
		ck_assert_msg(strcmp(address_print(&c.address, text), r->client) == 0,
			"row %zu: %s, expected %s", i, text, r->client);
		ck_assert_msg(c.is_local == r->is_local, "row %zu: is_local", i);
		ck_assert_msg(c.is_https == r->is_https, "row %zu: is_https", i);
	}
}

#define CHECK_ROWS(rows) check(rows, sizeof(rows) / sizeof((rows)[0]))

START_TEST(the_last_address_of_no_trusted_proxy_is_the_client)
{
	static const struct row rows[] = {
		{ "10.0.0.1", NULL, NULL, NULL, "10.0.0.1", false, false },
		{ "10.0.0.1", "203.0.113.5", NULL, NULL, "203.0.113.5", false, false },
		{ "10.0.0.1", "203.0.113.5, 10.0.0.2", NULL, NULL, "203.0.113.5", false, false },
		{ "10.0.0.1", "203.0.113.5,10.0.0.2\t,  10.0.0.3 ", NULL, NULL, "203.0.113.5",
			false, false },
		{ "10.0.0.1", "10.0.0.3, 10.0.0.2", NULL, NULL, "10.0.0.3", false, false },
		{ "10.0.0.1", "[2001:db9::1]:5", NULL, NULL, "2001:db9::1", false, false },
		{ "2001:db8::1", "2001:db9::1, 2001:db8::9", NULL, NULL, "2001:db9::1", false,
			false },
		{ "::ffff:10.0.0.1", "203.0.113.5", NULL, NULL, "203.0.113.5", false, false },
	};

	CHECK_ROWS(rows);
}
END_TEST

START_TEST(what_a_client_makes_up_is_not_believed)
{
	static const struct row rows[] = {
		{ "203.0.113.5", "127.0.0.1", NULL, "https", "203.0.113.5", false, false },
		{ "203.0.113.5", NULL, "for=127.0.0.1;proto=https", NULL, "203.0.113.5", false,
			false },
		{ "10.0.0.1", "127.0.0.1, 203.0.113.5", NULL, NULL, "203.0.113.5", false, false },
		{ "10.0.0.1", "127.0.0.1, 203.0.113.5, 10.0.0.2", NULL, NULL, "203.0.113.5", false,
			false },
		{ "10.0.0.1", NULL, "for=127.0.0.1, for=203.0.113.5", NULL, "203.0.113.5", false,
			false },
		/* A quote that the client left open swallows nothing of what the proxy wrote. */
		{ "10.0.0.1", NULL, "for=\"127.0.0.1, for=203.0.113.5", NULL, "203.0.113.5", false,
			false },
		/* The proxy writes one of both headers; the other is the client's own. */
		{ "10.0.0.1", "203.0.113.5", "for=127.0.0.1", NULL, "203.0.113.5", false, false },
		{ "127.0.0.1", "127.0.0.1", "for=203.0.113.5", NULL, "127.0.0.1", false, false },
		{ "127.0.0.1", "203.0.113.5", "for=127.0.0.1", NULL, "203.0.113.5", false, false },
	};

	CHECK_ROWS(rows);
}
END_TEST

START_TEST(garbage_is_somebody_unknown_and_the_way_ends_there)
{
	static const struct row rows[] = {
		{ "10.0.0.1", "unknown", NULL, NULL, "unknown", false, false },
		{ "10.0.0.1", "127.0.0.1, unknown", NULL, NULL, "unknown", false, false },
		{ "10.0.0.1", "127.0.0.1, ", NULL, NULL, "unknown", false, false },
		{ "10.0.0.1", ",", NULL, NULL, "unknown", false, false },
		{ "127.0.0.1", "[::1]garbage", NULL, NULL, "unknown", false, false },
		{ "127.0.0.1", "127.0.0.1:garbage", NULL, NULL, "unknown", false, false },
		{ "127.0.0.1", "::1]", NULL, NULL, "unknown", false, false },
		{ "127.0.0.1", NULL, "for", NULL, "unknown", false, false },
		{ "127.0.0.1", NULL, "by=127.0.0.1", NULL, "unknown", false, false },
		{ "127.0.0.1", NULL, "xfor=127.0.0.1", NULL, "unknown", false, false },
		{ "127.0.0.1", NULL, "for=;for=127.0.0.1", NULL, "unknown", false, false },
		{ "127.0.0.1", NULL, ";;,", NULL, "unknown", false, false },
		{ "127.0.0.1", NULL, "for=_secret, for=127.0.0.1", NULL, "unknown", false, false },
	};

	CHECK_ROWS(rows);
}
END_TEST

START_TEST(a_client_behind_a_local_proxy_is_local_if_it_is_itself)
{
	static const struct row rows[] = {
		{ "127.0.0.1", NULL, NULL, NULL, "127.0.0.1", true, false },
		{ "127.0.0.1", "127.0.0.1", NULL, NULL, "127.0.0.1", true, false },
		{ "127.0.0.1", "::1", NULL, NULL, "::1", true, false },
		{ "127.0.0.1", "203.0.113.5", NULL, NULL, "203.0.113.5", false, false },
		{ "127.0.0.1", "203.0.113.5, 127.0.0.1", NULL, NULL, "203.0.113.5", false, false },
		{ "10.0.0.1", "127.0.0.1", NULL, NULL, "127.0.0.1", false, false },
		{ "127.0.0.1", NULL, NULL, "https", "127.0.0.1", true, true },
	};

	CHECK_ROWS(rows);
}
END_TEST

START_TEST(forwarded_is_read_as_rfc_7239_writes_it)
{
	static const struct row rows[] = {
		{ "10.0.0.1", NULL, "for=203.0.113.5", NULL, "203.0.113.5", false, false },
		{ "10.0.0.1", NULL, "For=\"[2001:db9::1]:4711\"", NULL, "2001:db9::1", false,
			false },
		{ "10.0.0.1", NULL, "by=10.0.0.1; FOR=203.0.113.5 ;proto=HTTPS;host=x", NULL,
			"203.0.113.5", false, true },
		{ "10.0.0.1", NULL, "for=203.0.113.5;proto=https, for=10.0.0.9;proto=http", NULL,
			"203.0.113.5", false, true },
		{ "10.0.0.1", NULL, "for=10.0.0.9;proto=https, for=203.0.113.5;proto=http", NULL,
			"203.0.113.5", false, false },
	};

	CHECK_ROWS(rows);
}
END_TEST

START_TEST(the_scheme_is_that_of_the_nearest_proxy)
{
	static const struct row rows[] = {
		{ "10.0.0.1", NULL, NULL, "https", "10.0.0.1", false, true },
		{ "10.0.0.1", NULL, NULL, "http, https", "10.0.0.1", false, true },
		{ "10.0.0.1", NULL, NULL, "https, http", "10.0.0.1", false, false },
		{ "10.0.0.1", NULL, NULL, "httpsx", "10.0.0.1", false, false },
		{ "10.0.0.1", NULL, NULL, "", "10.0.0.1", false, false },
		{ "203.0.113.5", NULL, NULL, "https", "203.0.113.5", false, false },
	};

	CHECK_ROWS(rows);
}
END_TEST

static uint64_t
hash_of(const char *text)
{
	struct address a;

	ck_assert(address_parse(str_of(text), &a));
	return address_hash(&a);
}

START_TEST(an_ipv6_network_of_64_bits_is_one_client)
{
	const struct address unix_socket = { .kind = ADDRESS_UNIX };
	const struct address unknown = { .kind = ADDRESS_UNKNOWN };

	ck_assert(hash_of("2001:db8::1") == hash_of("[2001:db8::ffff:1]:80"));
	ck_assert(hash_of("2001:db8::1") != hash_of("2001:db8:0:1::1"));
	ck_assert(hash_of("192.0.2.1") == hash_of("192.0.2.1:99"));
	ck_assert(hash_of("192.0.2.1") == hash_of("::ffff:192.0.2.1"));
	ck_assert(hash_of("192.0.2.1") != hash_of("192.0.2.2"));
	ck_assert(address_hash(&unix_socket) != address_hash(&unknown));
}
END_TEST

UNIT_MAIN("address", an_ipv6_network_of_64_bits_is_one_client,
	addresses_are_read_with_and_without_a_port, what_is_no_address_is_refused,
	an_address_ends_where_its_text_ends, sockets_addresses_are_of_their_kind,
	only_this_machine_is_local, networks_have_what_their_bits_say,
	the_network_unix_is_of_sockets_alone, what_is_no_network_is_refused,
	the_last_address_of_no_trusted_proxy_is_the_client, what_a_client_makes_up_is_not_believed,
	garbage_is_somebody_unknown_and_the_way_ends_there,
	a_client_behind_a_local_proxy_is_local_if_it_is_itself,
	forwarded_is_read_as_rfc_7239_writes_it, the_scheme_is_that_of_the_nearest_proxy)
