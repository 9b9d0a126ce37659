/* SPDX-License-Identifier: Apache-2.0 */
/* headers.c - see headers.h. */
#include "headers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Headers that the plugin, HTTP itself or another option sets. */
static const char *const reserved[] = { "Authorization", "Connection", "Content-Encoding",
	"Content-Length", "Content-Type", "Expect", "Host", "HTTP2-Settings", "Keep-Alive",
	"Proxy-Authorization", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
	"User-Agent", "webhook-id", "webhook-replay", "webhook-signature", "webhook-timestamp",
	"X-Hookswitch-Attempt", NULL };

static int
invalid(struct hsw_error *err, const char *what)
{
	snprintf(err->text, sizeof(err->text), "headers: %s", what);
	return HSW_EINVAL;
}

/* RFC 9110 section 5.6.2 */
static bool
is_token(const char *s, size_t len)
{
	static const char chars[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	return len > 0 && strspn(s, chars) >= len;
}

bool
headers_is_value(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c == 0x7f || (c < 0x20 && c != '\t'))
			return false;
	}
	return true;
}

static bool
is_reserved(const char *name, size_t len)
{
	for (size_t i = 0; reserved[i] != NULL; i++) {
		if (strlen(reserved[i]) == len && strncasecmp(reserved[i], name, len) == 0)
			return true;
	}
	return false;
}

bool
headers_may_name(const char *name, size_t len)
{
	return is_token(name, len) && !is_reserved(name, len);
}

int
headers_add_line(struct curl_slist **list, const char *line, size_t len)
{
	char *copy = strndup(line, len);
	struct curl_slist *longer = copy != NULL ? curl_slist_append(*list, copy) : NULL;

	free(copy);
	if (longer == NULL)
		return HSW_ENOMEM;
	*list = longer;
	return HSW_OK;
}

/* One "Name: value"; curl drops lines without a value, so there must be one. */
static int
add_extra(struct curl_slist **list, const char *line, size_t len, struct hsw_error *err)
{
	const char *colon = memchr(line, ':', len);
	size_t name_len = colon != NULL ? (size_t)(colon - line) : 0;

	if (!is_token(line, name_len))
		return invalid(err, "expected \"Name: value\"");
	const char *value = colon + 1;
	while (value < line + len && (*value == ' ' || *value == '\t'))
		value++;
	size_t value_len = (size_t)(line + len - value);
	if (value_len == 0 || !headers_is_value(value, value_len))
		return invalid(err, "a value is empty or has control characters");
	if (is_reserved(line, name_len)) {
		snprintf(err->text, sizeof(err->text), "headers: %.*s cannot be set here",
			(int)name_len, line);
		return HSW_EINVAL;
	}
	return headers_add_line(list, line, len);
}

int
headers_add_all(struct curl_slist **list, const char *text, struct hsw_error *err)
{
	const char *separators = strpbrk(text, "\r\n") != NULL ? "\r\n" : "|";
	const char *p = text;
	int rc = HSW_OK;

	while (rc == HSW_OK && *p != '\0') {
		p += strspn(p, " \t");
		size_t len = strcspn(p, separators);
		const char *next = p + len + (p[len] != '\0');
		while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\t'))
			len--;
		if (len > 0)
			rc = add_extra(list, p, len, err);
		p = next;
	}
	return rc;
}

int
headers_add_authorization(struct curl_slist **list, const char *value, struct hsw_error *err)
{
	char *line;
	int len;

	if (!headers_is_value(value, strlen(value))) {
		snprintf(err->text, sizeof(err->text), "authorization: has control characters");
		return HSW_EINVAL;
	}
	len = asprintf(&line, "Authorization: %s", value);
	if (len < 0)
		return HSW_ENOMEM;
	int rc = headers_add_line(list, line, (size_t)len);
	free(line);
	return rc;
}
