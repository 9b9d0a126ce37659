/* SPDX-License-Identifier: Apache-2.0 */
/*
 * origin.c - see origin.h.
 *
 * Origins are compared as text, so one that is written in another way than browsers do would never match, and
 * nobody would know why.
 */
#include "origin.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define PORT_DIGITS 5
#define PORT_MAX 65535

static const struct scheme {
	const char *name, *port; /* port: that browsers leave out; NULL: none */
	const char *problem;
} schemes[] = {
	{ "http", "80", "browsers leave out http's port 80" },
	{ "https", "443", "browsers leave out https's port 443" },
	{ "ws", NULL, "the scheme is the page's, http, not ws" },
	{ "wss", NULL, "the scheme is the page's, https, not wss" },
};

static const struct scheme *
find_scheme(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (strlen(schemes[i].name) == len && strncasecmp(text, schemes[i].name, len) == 0)
			return &schemes[i];
	}
	return NULL;
}

/* "[2001:db8::1]" */
static bool
is_ipv6(const char *text, size_t len)
{
	unsigned char bytes[16];
	char address[INET6_ADDRSTRLEN];

	if (len < 2 || len - 2 >= sizeof(address) || text[len - 1] != ']')
		return false;
	memcpy(address, text + 1, len - 2);
	address[len - 2] = '\0';
	return inet_pton(AF_INET6, address, bytes) == 1;
}

static const char *
host_problem(const char *host, size_t len)
{
	if (len == 0)
		return "the host is missing";
	if (*host == '[')
		return is_ipv6(host, len) ? NULL : "between [ and ] an IPv6 address is expected";
	if (memchr(host, '*', len) != NULL)
		return "* stands alone, for all origins";
	if (memchr(host, '@', len) != NULL)
		return "an origin has no user";
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)host[i] >= 0x80)
			return "browsers write the host in ASCII, as xn--...";
	}
	return strspn(host, LETTERS DIGITS "-._") >= len ? NULL
							 : "the host has a character that none has";
}

static const char *
port_problem(const char *port, const struct scheme *scheme)
{
	size_t n = strspn(port, DIGITS);

	if (n == 0 || n > PORT_DIGITS || port[n] != '\0' || *port == '0' ||
		strtol(port, NULL, 10) > PORT_MAX)
		return "a port is a number from 1 to 65535";
	if (scheme != NULL && scheme->port != NULL && strcmp(port, scheme->port) == 0)
		return scheme->problem;
	return NULL;
}

const char *
origin_problem(const char *text)
{
	size_t len = strspn(text, LETTERS DIGITS "+-.");

	if (len == 0 || strspn(text, LETTERS) == 0 || strncmp(text + len, "://", 3) != 0)
		return "it begins with a scheme, such as https://";
	const struct scheme *scheme = find_scheme(text, len);
	if (scheme != NULL && scheme->port == NULL)
		return scheme->problem;
	const char *host = text + len + 3;
	if (strpbrk(host, "/?#") != NULL)
		return "an origin has no path, not even /";
	size_t n = *host == '[' ? strcspn(host, "]") : strcspn(host, ":");
	n += host[n] == ']';
	const char *problem = host_problem(host, n);
	if (problem != NULL || host[n] == '\0')
		return problem;
	return host[n] == ':' ? port_problem(host + n + 1, scheme)
			      : "behind the host only a port may stand";
}
