/* SPDX-License-Identifier: Apache-2.0 */
/* address.c - see address.h. */
#include "address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

struct scheme {
	const char *prefix;
	enum transport transport;
	const char *port; /* RFC 5426, RFC 6587 and RFC 5425 */
};

static const struct scheme schemes[] = {
	{ "unix:", TRANSPORT_UNIX, "" },
	{ "udp://", TRANSPORT_UDP, "514" },
	{ "tcp://", TRANSPORT_TCP, "601" },
	{ "tls://", TRANSPORT_TLS, "6514" },
	{ NULL, 0, NULL },
};

static int
refuse(struct hsw_error *err, const char *text, const char *why)
{
	snprintf(err->text, sizeof(err->text), "target: \"%.120s\": %s", text, why);
	return HSW_EINVAL;
}

static const struct scheme *
find_scheme(const char *text)
{
	const struct scheme *s = schemes;

	while (s->prefix != NULL && strncmp(text, s->prefix, strlen(s->prefix)) != 0)
		s++;
	return s->prefix != NULL ? s : NULL;
}

static bool
is_port(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || len > 5 || strspn(s, "0123456789") != len)
		return false;
	long n = strtol(s, NULL, 10);
	return n > 0 && n < 65536;
}

/* The host is host_len bytes long; what follows is "" or ":port". */
static bool
take(struct address *a, const char *host, size_t host_len, const char *rest)
{
	if (host_len == 0 || host_len >= sizeof(a->host))
		return false;
	memcpy(a->host, host, host_len);
	a->host[host_len] = '\0';
	if (rest[0] == '\0')
		return true;
	if (rest[0] != ':' || !is_port(rest + 1))
		return false;
	snprintf(a->port, sizeof(a->port), "%.5s", rest + 1);
	return true;
}

static bool
parse_host(struct address *a, const char *s)
{
	if (s[strcspn(s, "/?#@ \t")] != '\0')
		return false;
	if (s[0] == '[') {
		const char *end = strchr(s, ']');
		return end != NULL && take(a, s + 1, (size_t)(end - s) - 1, end + 1);
	}
	size_t len = strcspn(s, ":");
	return take(a, s, len, s + len);
}

int
address_parse(const char *text, struct address *a, struct hsw_error *err)
{
	const struct scheme *scheme = find_scheme(text);
	struct sockaddr_un un;

	*a = (struct address){ 0 };
	if (scheme == NULL)
		return refuse(err, text,
			"expected unix:/dev/log, udp://host:514, tcp://host:601 or "
			"tls://host:6514");
	a->transport = scheme->transport;
	snprintf(a->port, sizeof(a->port), "%s", scheme->port);
	const char *rest = text + strlen(scheme->prefix);
	if (scheme->transport != TRANSPORT_UNIX)
		return parse_host(a, rest) ? HSW_OK
					   : refuse(err, text,
						     "expected a host and perhaps a port behind "
						     "://, like logs.example.com:601 or [::1]:601");
	if (rest[0] != '/' || strlen(rest) >= sizeof(un.sun_path))
		return refuse(err, text, "expected the path of a socket, at most 107 bytes");
	snprintf(a->host, sizeof(a->host), "%s", rest);
	return HSW_OK;
}

bool
address_is_stream(const struct address *a)
{
	return a->transport == TRANSPORT_TCP || a->transport == TRANSPORT_TLS;
}
