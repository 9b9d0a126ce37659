/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_forwarded.c - any bytes as addresses, networks and the headers of proxies. A peer that is not trusted is
 * believed nothing; an address that was read is read again from its own text.
 */
#include <stdint.h>
#include <stdlib.h>

#include "buf.h"
#include "forwarded.h"
#include "ws_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_address(struct hsw_str text)
{
	char printed[ADDRESS_TEXT_SIZE];
	struct address a, again;

	if (!address_parse(text, &a))
		return;
	address_print(&a, printed);
	if (!address_parse(str_of(printed), &again) || memcmp(&a, &again, sizeof(a)) != 0)
		abort();
}

static void
check_texts(const char *text)
{
	struct hsw_error err = { "" };
	struct network n;
	struct ws_url url;

	if (network_parse(text, &n) && !network_has(&n, &n.base))
		abort();
	if (ws_url_parse(text, &url, &err) != HSW_OK && err.text[0] == '\0')
		abort();
}

static void
check_client(struct hsw_str one, struct hsw_str other)
{
	static struct network trusted[2];
	const struct server_conf conf = { .proxies = trusted, .n_proxies = 2 };
	const struct forwarded_headers headers[] = { { .xff = one, .proto = other },
		{ .forwarded = one, .proto = other }, { .xff = one, .forwarded = other } };
	struct address proxy, stranger;

	if (!network_parse("10.0.0.0/8", &trusted[0]) || !network_parse("::1", &trusted[1]) ||
		!address_parse(str_of("10.1.1.1"), &proxy) ||
		!address_parse(str_of("192.0.2.1"), &stranger))
		abort();
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		struct forwarded_client c = { proxy, false, false };
		forwarded_apply(&conf, &headers[i], &c);
		if (c.is_local)
			abort();
		c = (struct forwarded_client){ stranger, true, false };
		forwarded_apply(&conf, &headers[i], &c);
		if (c.is_local || c.is_https ||
			memcmp(&c.address, &stranger, sizeof(stranger)) != 0)
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct hsw_str all = { (const char *)data, size };
	char *text = strndup(all.s != NULL ? all.s : "", size);

	if (text == NULL)
		abort();
	check_address(all);
	check_texts(text);
	const char *line = size > 0 ? memchr(all.s, '\n', size) : NULL;
	size_t n = line != NULL ? (size_t)(line - all.s) : size;
	check_client((struct hsw_str){ all.s != NULL ? all.s : "", n },
		(struct hsw_str){ line != NULL ? line + 1 : "", line != NULL ? size - n - 1 : 0 });
	free(text);
	return 0;
}
