/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.c - see guard.h.
 *
 * All addresses are compared as IPv6 ones; an IPv4 address is ::ffff:a.b.c.d (RFC 4291 section
 * 2.5.5.2), and so is one that stands inside of an IPv6 address that is only another way to it.
 */
#include "guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS_BYTES 16
#define MAPPED_BITS 96

struct network {
	unsigned char address[ADDRESS_BYTES];
	unsigned bits;
};

struct guard {
	bool is_open; /* "any" */
	size_t n;
	struct network allowed[];
};

/* What is not globally reachable by the IANA's special-purpose registries (RFC 6890), and more. */
static const char *const closed[] = {
	"0.0.0.0/8",       /* this host */
	"10.0.0.0/8",      /* private */
	"100.64.0.0/10",   /* carrier-grade NAT; metadata of Alibaba Cloud */
	"127.0.0.0/8",     /* loopback */
	"168.63.129.16",   /* metadata of Azure; a public address by its looks */
	"169.254.0.0/16",  /* link-local; metadata of nearly all clouds */
	"172.16.0.0/12",   /* private */
	"192.0.0.0/24",    /* protocol assignments; metadata of Oracle Cloud */
	"192.0.2.0/24",    /* documentation */
	"192.88.99.0/24",  /* relays of 6to4 */
	"192.168.0.0/16",  /* private */
	"198.18.0.0/15",   /* benchmarks */
	"198.51.100.0/24", /* documentation */
	"203.0.113.0/24",  /* documentation */
	"224.0.0.0/4",     /* multicast */
	"240.0.0.0/4",     /* reserved, broadcast */
	"::/128",          /* unspecified */
	"::1/128",         /* loopback */
	"64:ff9b:1::/48",  /* NAT64 of a local prefix */
	"100::/64",        /* discard */
	"2001::/23",       /* protocol assignments; Teredo */
	"2001:db8::/32",   /* documentation */
	"3fff::/20",       /* documentation */
	"5f00::/16",       /* segment routing */
	"fc00::/7",        /* unique local; metadata of AWS */
	"fe80::/10",       /* link-local */
	"fec0::/10",       /* site-local, as it once was */
	"ff00::/8",        /* multicast */
};
#define CLOSED (sizeof(closed) / sizeof(closed[0]))

static void
map(unsigned char out[ADDRESS_BYTES], const unsigned char v4[4])
{
	memset(out, 0, 10);
	memset(out + 10, 0xff, 2);
	memcpy(out + 12, v4, 4);
}

/* Addresses that lead to an IPv4 address: where it stands in them. */
static const struct {
	unsigned char prefix[12];
	unsigned bytes, at;
} ways[] = {
	{ { 0x20, 0x02 }, 2, 2 },               /* 6to4, RFC 3056 section 2 */
	{ { 0x00, 0x64, 0xff, 0x9b }, 12, 12 }, /* NAT64, RFC 6052 section 2.1 */
	{ { 0 }, 12, 12 },                      /* IPv4-compatible, RFC 4291 section 2.5.5.1 */
	/* IPv4-translated, RFC 2765 section 2.1 */
	{ { 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 12, 12 },
};

/* The IPv4 address that the address leads to, or itself. */
static void
destination_of(const unsigned char address[ADDRESS_BYTES], unsigned char out[ADDRESS_BYTES])
{
	memcpy(out, address, ADDRESS_BYTES);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (memcmp(address, ways[i].prefix, ways[i].bytes) == 0) {
			map(out, address + ways[i].at);
			return;
		}
	}
}

/* "address" or "address/bits" */
static bool
parse(const char *text, struct network *out)
{
	char address[INET6_ADDRSTRLEN];
	size_t len = strcspn(text, "/");
	unsigned char v4[4];
	bool is_v4;

	if (len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	is_v4 = inet_pton(AF_INET, address, v4) == 1;
	if (is_v4)
		map(out->address, v4);
	else if (inet_pton(AF_INET6, address, out->address) != 1)
		return false;
	unsigned most = is_v4 ? 32 : 128;
	out->bits = most + (is_v4 ? MAPPED_BITS : 0);
	if (text[len] == '\0')
		return true;
	const char *digits = text + len + 1;
	size_t n = strspn(digits, "0123456789");
	unsigned long bits = strtoul(digits, NULL, 10);
	if (n == 0 || n > 3 || digits[n] != '\0' || bits > most)
		return false;
	out->bits = (unsigned)bits + (is_v4 ? MAPPED_BITS : 0);
	return true;
}

static bool
is_in(const struct network *net, const unsigned char address[ADDRESS_BYTES])
{
	unsigned bytes = net->bits / 8, rest = net->bits % 8;
	unsigned char mask = (unsigned char)(0xff00 >> rest);

	return memcmp(net->address, address, bytes) == 0 &&
		(rest == 0 || ((net->address[bytes] ^ address[bytes]) & mask) == 0);
}

struct guard *
guard_new(const char *const *allow, struct hsw_error *err)
{
	size_t n = 0;

	while (allow != NULL && allow[n] != NULL)
		n++;
	struct guard *g = calloc(1, sizeof(*g) + n * sizeof(g->allowed[0]));
	if (g == NULL) {
		snprintf(err->text, sizeof(err->text), "out of memory");
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		if (strcmp(allow[i], "any") == 0) {
			g->is_open = true;
		} else if (strcmp(allow[i], "none") != 0 && !parse(allow[i], &g->allowed[g->n++])) {
			snprintf(err->text, sizeof(err->text),
				"allow_private: found `%.60s`, expected networks such as "
				"10.0.0.0/8, any or none",
				allow[i]);
			free(g);
			return NULL;
		}
	}
	return g;
}

void
guard_free(struct guard *g)
{
	free(g);
}

static bool
is_closed(const unsigned char address[ADDRESS_BYTES])
{
	for (size_t i = 0; i < CLOSED; i++) {
		struct network net;
		if (!parse(closed[i], &net) || is_in(&net, address))
			return true;
	}
	return false;
}

static bool
is_allowed(const struct guard *g, const unsigned char address[ADDRESS_BYTES])
{
	for (size_t i = 0; i < g->n; i++) {
		if (is_in(&g->allowed[i], address))
			return true;
	}
	return g->is_open;
}

static bool
read_address(const struct sockaddr *a, socklen_t len, unsigned char out[ADDRESS_BYTES])
{
	if (a->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
		struct sockaddr_in v4;
		memcpy(&v4, a, sizeof(v4));
		map(out, (const unsigned char *)&v4.sin_addr);
		return true;
	}
	if (a->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
		struct sockaddr_in6 v6;
		memcpy(&v6, a, sizeof(v6));
		memcpy(out, &v6.sin6_addr, ADDRESS_BYTES);
		return true;
	}
	return false;
}

static bool
allows(const struct guard *g, const unsigned char address[ADDRESS_BYTES])
{
	unsigned char end[ADDRESS_BYTES];

	destination_of(address, end);
	return is_allowed(g, address) || is_allowed(g, end) ||
		(!is_closed(address) && !is_closed(end));
}

bool
guard_allows(const struct guard *g, const struct sockaddr *a, socklen_t len)
{
	unsigned char address[ADDRESS_BYTES];

	return read_address(a, len, address) && allows(g, address);
}

bool
guard_allows_host(const struct guard *g, const char *host)
{
	char literal[INET6_ADDRSTRLEN];
	struct network one;
	size_t skip = *host == '[', len = strcspn(host + skip, "]");

	if (len >= sizeof(literal))
		return true;
	memcpy(literal, host + skip, len);
	literal[len] = '\0';
	return !parse(literal, &one) || allows(g, one.address);
}
