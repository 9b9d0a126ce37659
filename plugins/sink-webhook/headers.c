/* SPDX-License-Identifier: Apache-2.0 */
/* headers.c - the section's own headers, and URLs by event. */
#include "webhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* RFC 9110 section 5.6.2: a header's name is a token. */
static const char token_chars[] = "!#$%&'*+-.^_`|~0123456789"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* What the sink or libcurl sets itself. */
static const char *const reserved[] = { "content-length", "transfer-encoding", "connection",
	"content-type", "authorization", "webhook-id", "webhook-timestamp",
	"x-hookswitch-attempt" };

static char *
trim(char *s)
{
	s += strspn(s, " \t");
	size_t n = strlen(s);
	while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	s[n] = '\0';
	return s;
}

static int
check_line(const char *line, size_t number, struct hsw_error *err)
{
	size_t n = strspn(line, token_chars);
	const char *why = NULL;

	if (n == 0 || line[n] != ':')
		why = "expected `Name: value`";
	for (const char *c = line; *c != '\0' && why == NULL; c++) {
		if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f)
			why = "has a control character in it";
	}
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]) && why == NULL; i++) {
		if (strlen(reserved[i]) == n && strncasecmp(reserved[i], line, n) == 0)
			why = "is set by the sink itself";
	}
	if (why == NULL)
		return HSW_OK;
	snprintf(err->text, sizeof(err->text), "headers: number %zu %s", number, why);
	return HSW_EINVAL;
}

int
headers_parse(struct headers *h, const char *text, struct hsw_error *err)
{
	char *rest, *item;

	*h = (struct headers){ .n = 0 };
	if (text == NULL)
		return HSW_OK;
	h->memory = rest = strdup(text);
	while (rest != NULL && (item = strsep(&rest, "|")) != NULL) {
		item = trim(item);
		if (h->n == HEADERS_OWN_MAX) {
			snprintf(err->text, sizeof(err->text), "headers: more than %d",
				HEADERS_OWN_MAX);
			return HSW_EINVAL;
		}
		if (check_line(item, h->n + 1, err) != HSW_OK)
			return HSW_EINVAL;
		h->lines[h->n++] = item;
	}
	return h->memory != NULL ? HSW_OK : HSW_ENOMEM;
}

void
headers_free(struct headers *h)
{
	free(h->memory);
	*h = (struct headers){ .n = 0 };
}

char *
url_for_event(const char *url, enum by_events by, struct hsw_str type)
{
	size_t path = strcspn(url, "?#"), end = path;
	char *out = malloc(strlen(url) + type.len + 2);

	if (out == NULL)
		return NULL;
	while (end > 0 && url[end - 1] == '/')
		end--;
	char *at = out + end;
	memcpy(out, url, end);
	*at++ = '/';
	for (size_t i = 0; i < type.len; i++)
		*at++ = by == BY_EVENTS_DASHED && type.s[i] == '.' ? '-' : type.s[i];
	memcpy(at, url + path, strlen(url + path) + 1);
	return out;
}
