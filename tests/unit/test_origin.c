/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of origins as the configuration has them. */
#include "unit.h"

#include <string.h>

#include "origin.h"

START_TEST(what_browsers_send_is_fine)
{
	static const char *const rows[] = { "https://app.example.com", "http://localhost:5173",
		"https://app.example.com:8443", "http://127.0.0.1:8080", "http://[::1]:3000",
		"https://[2001:db8::1]", "HTTPS://App.Example.COM", "https://xn--bcher-kva.example",
		"capacitor://localhost", "chrome-extension://abcdefghijklmnop", "http://a:443",
		"https://a:80", "http://a_b", "http://a:1", "http://a:65535" };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(origin_problem(rows[i]) == NULL, "%s: %s", rows[i],
			origin_problem(rows[i]));
}
END_TEST

START_TEST(what_would_never_match_is_told_why)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ "", "scheme" },
		{ "app.example.com", "scheme" },
		{ "//app.example.com", "scheme" },
		{ "https:app.example.com", "scheme" },
		{ "https:/app.example.com", "scheme" },
		{ "1http://a", "scheme" },
		{ "null", "scheme" },
		{ "wss://app.example.com", "https, not wss" },
		{ "ws://app.example.com", "http, not ws" },
		{ "https://", "host is missing" },
		{ "https://:8443", "host is missing" },
		{ "https://app.example.com/", "no path" },
		{ "https://app.example.com/login", "no path" },
		{ "https://app.example.com?x", "no path" },
		{ "https://app.example.com#x", "no path" },
		{ "https://*.example.com", "stands alone" },
		{ "https://*", "stands alone" },
		{ "https://user@app.example.com", "no user" },
		{ "https://b\xc3\xbc"
		  "cher.example",
			"xn--" },
		{ "https://a b", "character" },
		{ "https://a\"b", "character" },
		{ "https://[::1", "IPv6" },
		{ "https://[]", "IPv6" },
		{ "https://[localhost]", "IPv6" },
		{ "https://[::1]x", "only a port" },
		{ "https://2001:db8::1", "1 to 65535" },
		{ "https://a:", "1 to 65535" },
		{ "https://a:0", "1 to 65535" },
		{ "https://a:08443", "1 to 65535" },
		{ "https://a:65536", "1 to 65535" },
		{ "https://a:123456", "1 to 65535" },
		{ "https://a:x", "1 to 65535" },
		{ "https://a:443x", "1 to 65535" },
		{ "https://a:443", "leave out" },
		{ "http://a:80", "leave out" },
		{ "HTTPS://[::1]:443", "leave out" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *problem = origin_problem(rows[i].text);
		ck_assert_msg(problem != NULL && strstr(problem, rows[i].words) != NULL,
			"\"%s\": %s", rows[i].text, problem != NULL ? problem : "fine");
	}
}
END_TEST

UNIT_MAIN("origin", what_browsers_send_is_fine, what_would_never_match_is_told_why)
