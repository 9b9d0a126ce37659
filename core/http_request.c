/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_request.c - what a request says: its target, header lines and client.
 */
#include "http_impl.h"

#include <string.h>
#include <strings.h>

#include "header_list.h"

struct hsw_str
http_text(const struct http_conn *c, struct http_span span)
{
	return (struct hsw_str){ span.len > 0 ? c->in + span.at : "", span.len };
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool
http_is_name(struct hsw_str s, const char *name)
{
	size_t i = 0;

	while (i < s.len && name[i] != '\0' && lower(s.s[i]) == name[i])
		i++;
	return i == s.len && name[i] == '\0';
}

/* Without the space behind it, which is no part of it (RFC 9112 section 5.1). */
static struct hsw_str
value_of(const struct http_request *r, size_t i)
{
	struct hsw_str value = http_text(r->conn, r->values[i]);

	while (value.len > 0 && (value.s[value.len - 1] == ' ' || value.s[value.len - 1] == '\t'))
		value.len--;
	return value;
}

struct hsw_str
http_header(const struct http_request *r, const char *name)
{
	for (size_t i = 0; i < r->n_headers; i++) {
		if (http_is_name(http_text(r->conn, r->names[i]), name))
			return value_of(r, i);
	}
	return (struct hsw_str){ NULL, 0 };
}

/* All lines of a header that is a list are one list (RFC 9110 section 5.3): some proxies add to the line that they
 * got, others add a line. joined holds it where there are several; without memory for it nobody is known. */
static struct hsw_str
list_header(const struct http_request *r, const char *name, struct buf *joined)
{
	struct hsw_str list = { NULL, 0 };

	for (size_t i = 0; i < r->n_headers; i++) {
		if (!http_is_name(http_text(r->conn, r->names[i]), name))
			continue;
		const struct hsw_str line = value_of(r, i);
		if (list.s == NULL) {
			list = line;
			continue;
		}
		if (joined->len == 0)
			buf_append(joined, list.s, list.len);
		buf_str(joined, ",");
		buf_append(joined, line.s, line.len);
		list = str_of_buf(joined);
	}
	return joined->failed ? str_of("unknown") : list;
}

/* Whether a list such as `keep-alive, Upgrade` has the word. */
static bool
list_has_word(struct hsw_str list, const char *word)
{
	const size_t len = strlen(word);
	struct hsw_str item;

	while (header_list_take_last(&list, &item)) {
		if (item.len == len && strncasecmp(item.s, word, len) == 0)
			return true;
	}
	return false;
}

bool
http_header_has_word(const struct http_request *r, const char *name, const char *word)
{
	for (size_t i = 0; i < r->n_headers; i++) {
		if (http_is_name(http_text(r->conn, r->names[i]), name) &&
			list_has_word(value_of(r, i), word))
			return true;
	}
	return false;
}

static int
hex_value(char c)
{
	c = lower(c);
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte of the escape that begins at s[i]; -1: it is none, or a NUL. */
static int
escaped_byte(struct hsw_str s, size_t i)
{
	int high = i + 2 < s.len ? hex_value(s.s[i + 1]) : -1;
	int low = i + 2 < s.len ? hex_value(s.s[i + 2]) : -1;

	return high < 0 || low < 0 || (high == 0 && low == 0) ? -1 : high << 4 | low;
}

bool
http_decode(struct hsw_str s, struct buf *out)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.s[i];
		if (c == '%') {
			int byte = escaped_byte(s, i);
			if (byte < 0)
				return false;
			c = (char)byte;
			i += 2;
		}
		buf_append(out, &c, 1);
	}
	return !out->failed;
}

static bool
is_decodable(struct hsw_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.s[i] == '%' && escaped_byte(s, i) < 0)
			return false;
	}
	return true;
}

struct http_parameter
http_take_parameter(struct hsw_str *rest)
{
	const char *end = memchr(rest->s, '&', rest->len);
	const struct hsw_str all = { rest->s, end != NULL ? (size_t)(end - rest->s) : rest->len };
	const char *equals = memchr(all.s, '=', all.len);
	struct http_parameter p = { .name = all };

	if (equals != NULL) {
		p.name.len = (size_t)(equals - all.s);
		p.value = (struct hsw_str){ equals + 1, all.len - p.name.len - 1 };
	}
	rest->s += all.len + (end != NULL);
	rest->len -= all.len + (end != NULL);
	return p;
}

/* As it stands in the query. */
static bool
find_parameter(const struct http_request *r, const char *name, struct hsw_str *out)
{
	struct hsw_str rest = r->query;

	while (rest.len > 0) {
		const struct http_parameter p = http_take_parameter(&rest);
		if (p.value.s != NULL && str_is(p.name, name)) {
			*out = p.value;
			return true;
		}
	}
	return false;
}

struct hsw_str
http_query_malformed(const struct http_request *r)
{
	struct hsw_str rest = r->query;

	while (rest.len > 0) {
		const struct http_parameter p = http_take_parameter(&rest);
		if (p.value.s != NULL && !is_decodable(p.value))
			return p.name;
	}
	return (struct hsw_str){ NULL, 0 };
}

bool
http_query(const struct http_request *r, const char *name, struct buf *out)
{
	struct hsw_str value;

	return find_parameter(r, name, &value) && http_decode(value, out);
}

bool
http_query_form(const struct http_request *r, const char *name, struct buf *out)
{
	struct hsw_str rest;

	if (!find_parameter(r, name, &rest))
		return false;
	while (rest.len > 0) {
		const char *plus = memchr(rest.s, '+', rest.len);
		size_t len = plus != NULL ? (size_t)(plus - rest.s) : rest.len;
		if (!http_decode((struct hsw_str){ rest.s, len }, out))
			return false;
		if (plus != NULL)
			buf_str(out, " ");
		rest.s += len + (plus != NULL);
		rest.len -= len + (plus != NULL);
	}
	return !out->failed;
}

/* origin-form, or absolute-form as proxies send it (RFC 9112 section 3.2). */
bool
http_split_target(struct http_request *r, struct hsw_str target)
{
	const char *scheme = memmem(target.s, target.len, "://", 3);

	if (target.len > 0 && target.s[0] != '/' && scheme != NULL) {
		const char *end = target.s + target.len;
		const char *path = memchr(scheme + 3, '/', (size_t)(end - scheme - 3));
		target = path != NULL ? (struct hsw_str){ path, (size_t)(end - path) }
				      : (struct hsw_str){ "/", 1 };
	}
	if (target.len == 0 || target.s[0] != '/')
		return false;
	const char *mark = memchr(target.s, '?', target.len);
	size_t len = mark != NULL ? (size_t)(mark - target.s) : target.len;
	r->query = mark != NULL ? (struct hsw_str){ mark + 1, target.len - len - 1 }
				: (struct hsw_str){ "", 0 };
	r->path = (struct hsw_str){ target.s, len };
	if (memchr(target.s, '%', len) == NULL)
		return true;
	bool is_good = http_decode(r->path, &r->decoded);
	r->path = (struct hsw_str){ r->decoded.data, r->decoded.len };
	return is_good;
}

void
http_find_client(struct http_conn *c, struct http_request *r)
{
	struct buf xff = BUF_INIT, proto = BUF_INIT, forwarded = BUF_INIT;
	const struct forwarded_headers headers = { list_header(r, "x-forwarded-for", &xff),
		list_header(r, "x-forwarded-proto", &proto),
		list_header(r, "forwarded", &forwarded) };

	r->client = (struct forwarded_client){ c->peer, address_is_local(&c->peer),
		c->transport.tls != NULL };
	forwarded_apply(c->server->conf, &headers, &r->client);
	buf_free(&xff);
	buf_free(&proto);
	buf_free(&forwarded);
}
