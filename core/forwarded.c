/* SPDX-License-Identifier: Apache-2.0 */
/* forwarded.c - see forwarded.h. */
#include "forwarded.h"

#include <string.h>
#include <strings.h>

#include "header_list.h"

static bool
is_trusted(const struct server_conf *conf, const struct address *a)
{
	for (size_t i = 0; i < conf->n_proxies; i++) {
		if (network_has(&conf->proxies[i], a))
			return true;
	}
	return false;
}

/* The value of a parameter of an element: `for=192.0.2.1;proto=https`. */
static struct hsw_str
parameter(struct hsw_str element, const char *name)
{
	size_t n = strlen(name);

	while (element.len > 0) {
		const char *end = memchr(element.s, ';', element.len);
		size_t len = end != NULL ? (size_t)(end - element.s) : element.len;
		struct hsw_str pair = header_list_trim((struct hsw_str){ element.s, len }, " \t");
		if (pair.len > n && pair.s[n] == '=' && strncasecmp(pair.s, name, n) == 0)
			return header_list_trim(
				(struct hsw_str){ pair.s + n + 1, pair.len - n - 1 }, "\" \t");
		element.s += len + (end != NULL);
		element.len -= len + (end != NULL);
	}
	return (struct hsw_str){ NULL, 0 };
}

static void
set_scheme(struct forwarded_client *client, struct hsw_str scheme)
{
	if (scheme.len == 5 && strncasecmp(scheme.s, "https", 5) == 0)
		client->is_https = true;
	else if (scheme.len == 4 && strncasecmp(scheme.s, "http", 4) == 0)
		client->is_https = false;
}

/* From the nearest hop to the farthest, as long as proxies are trusted. */
static void
walk(const struct server_conf *conf, struct hsw_str list, bool is_rfc7239,
	struct forwarded_client *client)
{
	struct hsw_str element;

	while (is_trusted(conf, &client->address) && header_list_take_last(&list, &element)) {
		struct hsw_str who = is_rfc7239 ? parameter(element, "for") : element;
		if (is_rfc7239)
			set_scheme(client, parameter(element, "proto"));
		/* "unknown" and obfuscated names (RFC 7239 section 6) are somebody's, too. */
		if (!address_parse(who, &client->address))
			client->address = (struct address){ .kind = ADDRESS_UNKNOWN };
	}
}

void
forwarded_apply(const struct server_conf *conf, const struct forwarded_headers *h,
	struct forwarded_client *client)
{
	const struct address peer = client->address;
	struct hsw_str protos = h->proto, proto;

	if (h->xff.s == NULL && h->forwarded.s == NULL && h->proto.s == NULL)
		return;
	if (!is_trusted(conf, &peer)) {
		client->is_local = false;
		return;
	}
	if (h->forwarded.s != NULL) {
		walk(conf, h->forwarded, true, client);
		client->is_local = client->is_local && address_is_local(&client->address);
	}
	/* A proxy that writes the one header passes the other on as it came: what nearly all write wins. */
	if (h->xff.s != NULL) {
		client->address = peer;
		walk(conf, h->xff, false, client);
		client->is_local = client->is_local && address_is_local(&client->address);
	}
	if (header_list_take_last(&protos, &proto))
		set_scheme(client, proto);
}
