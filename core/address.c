/* SPDX-License-Identifier: Apache-2.0 */
/* address.c - see address.h. */
#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

#define PORT_DIGITS_MAX 5

static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

static struct address
from_v4(const struct in_addr *v4)
{
	struct address a = { .kind = ADDRESS_INTERNET };

	memcpy(a.bytes, mapped, sizeof(mapped));
	memcpy(a.bytes + sizeof(mapped), v4, 4);
	return a;
}

static bool
is_v4(const struct address *a)
{
	return a->kind == ADDRESS_INTERNET && memcmp(a->bytes, mapped, sizeof(mapped)) == 0;
}

struct address
address_of(const struct sockaddr_storage *s)
{
	struct address a = { .kind = s->ss_family == AF_UNIX ? ADDRESS_UNIX : ADDRESS_UNKNOWN };

	if (s->ss_family == AF_INET)
		return from_v4(&((const struct sockaddr_in *)s)->sin_addr);
	if (s->ss_family == AF_INET6) {
		a.kind = ADDRESS_INTERNET;
		memcpy(a.bytes, &((const struct sockaddr_in6 *)s)->sin6_addr, sizeof(a.bytes));
	}
	return a;
}

static bool
parse_bare(struct hsw_str text, struct address *a)
{
	char copy[ADDRESS_TEXT_SIZE];
	struct in_addr v4;

	*a = (struct address){ .kind = ADDRESS_INTERNET };
	if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.s, '\0', text.len) != NULL)
		return false;
	memcpy(copy, text.s, text.len);
	copy[text.len] = '\0';
	if (inet_pton(AF_INET, copy, &v4) == 1) {
		*a = from_v4(&v4);
		return true;
	}
	return inet_pton(AF_INET6, copy, a->bytes) == 1;
}

/* Behind the colon: a port, or what hides one (RFC 7239 section 6.3). */
static bool
is_port(const char *s, size_t n)
{
	static const char digits[] = "0123456789",
			  hidden[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ._-";
	bool is_hidden = n > 0 && s[0] == '_';
	const char *allowed = is_hidden ? hidden : digits;

	if (n == (is_hidden ? 1 : 0) || (!is_hidden && n > PORT_DIGITS_MAX))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\0' || strchr(allowed, s[i]) == NULL)
			return false;
	}
	return true;
}

bool
address_parse(struct hsw_str text, struct address *a)
{
	const char *colon = NULL;
	struct hsw_str bare = text;

	if (text.len > 0 && text.s[0] == '[') {
		const char *bracket = memchr(text.s, ']', text.len);
		if (bracket == NULL)
			return false;
		bare = (struct hsw_str){ text.s + 1, (size_t)(bracket - text.s) - 1 };
		colon = bare.len + 2 < text.len ? bracket + 1 : NULL;
	} else if (text.len > 0) {
		/* Of several colons none stands before a port. */
		colon = memchr(text.s, ':', text.len);
		if (colon != NULL && memrchr(text.s, ':', text.len) != colon)
			colon = NULL;
		if (colon != NULL)
			bare.len = (size_t)(colon - text.s);
	}
	if (colon != NULL &&
		(*colon != ':' || !is_port(colon + 1, text.len - (size_t)(colon - text.s) - 1)))
		return false;
	return parse_bare(bare, a);
}

const char *
address_print(const struct address *a, char *text)
{
	if (a->kind != ADDRESS_INTERNET)
		snprintf(text, ADDRESS_TEXT_SIZE, "%s",
			a->kind == ADDRESS_UNIX ? "unix" : "unknown");
	else if (is_v4(a))
		inet_ntop(AF_INET, a->bytes + sizeof(mapped), text, ADDRESS_TEXT_SIZE);
	else
		inet_ntop(AF_INET6, a->bytes, text, ADDRESS_TEXT_SIZE);
	return text;
}

uint64_t
address_hash(const struct address *a)
{
	const char kind = (char)a->kind;
	bool is_v4 = memcmp(a->bytes, mapped, sizeof(mapped)) == 0;
	size_t n = a->kind != ADDRESS_INTERNET ? 0 : is_v4 ? 16 : 8;
	uint64_t hash = str_hash(HASH_START, (struct hsw_str){ &kind, 1 });

	return str_hash(hash, (struct hsw_str){ (const char *)a->bytes, n });
}

bool
address_is_local(const struct address *a)
{
	if (is_v4(a))
		return a->bytes[12] == 127;
	return a->kind == ADDRESS_UNIX ||
		(a->kind == ADDRESS_INTERNET &&
			IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)a->bytes));
}

bool
network_parse(const char *text, struct network *n)
{
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	char *end = NULL;

	*n = (struct network){ .bits = 0 };
	if (strcmp(text, "unix") == 0) {
		n->base.kind = ADDRESS_UNIX;
		return true;
	}
	if (!parse_bare((struct hsw_str){ text, len }, &n->base))
		return false;
	unsigned most = memchr(text, ':', len) == NULL ? 32 : 128;
	unsigned long bits = most;
	if (slash != NULL) {
		bits = strtoul(slash + 1, &end, 10);
		if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || bits > most)
			return false;
	}
	n->bits = (unsigned)bits + (128 - most);
	return true;
}

bool
network_has(const struct network *n, const struct address *a)
{
	unsigned whole = n->bits / 8, rest = n->bits % 8;

	if (n->base.kind != a->kind)
		return false;
	if (a->kind != ADDRESS_INTERNET)
		return a->kind == ADDRESS_UNIX;
	return memcmp(n->base.bytes, a->bytes, whole) == 0 &&
		(rest == 0 || ((n->base.bytes[whole] ^ a->bytes[whole]) >> (8 - rest)) == 0);
}
