/* SPDX-License-Identifier: Apache-2.0 */
/* auth.c - see auth.h. */
#include "auth.h"

#include <strings.h>

#include "crypt.h"

static struct hsw_str
without_scheme(struct hsw_str s)
{
	static const char scheme[] = "Bearer ";
	size_t n = sizeof(scheme) - 1;

	if (s.len >= n && strncasecmp(s.s, scheme, n) == 0)
		return (struct hsw_str){ s.s + n, s.len - n };
	return s;
}

/* The credential of the request, s = NULL: there is none. It may lie in query, which the caller frees. */
static struct hsw_str
credential(const struct http_request *r, struct buf *query)
{
	struct hsw_str given = http_header(r, "token");

	if (given.s == NULL)
		given = without_scheme(http_header(r, "authorization"));
	if (given.s == NULL && http_query(r, "token", query))
		given = (struct hsw_str){ query->data != NULL ? query->data : "", query->len };
	return given;
}

enum auth
auth_check(const struct http_request *r, struct hsw_str expected)
{
	struct buf query = BUF_INIT;
	struct hsw_str given = credential(r, &query);
	enum auth result = given.s == NULL      ? AUTH_MISSING
		: secret_equal(given, expected) ? AUTH_OK
						: AUTH_WRONG;
	buf_free(&query);
	return result;
}

/* An instance without a token has none that could be brought. */
static bool
is_token_of(const struct instance *instance, struct hsw_str given)
{
	return instance->token.len > 0 && secret_equal(given, instance->token);
}

struct search {
	struct hsw_str given;
	bool is_found;
};

static void
compare(void *arg, const struct instance *instance)
{
	struct search *s = arg;
	s->is_found |= is_token_of(instance, s->given);
}

enum auth
auth_check_instance(
	const struct http_request *r, struct catalog *catalog, const struct instance *instance)
{
	struct buf query = BUF_INIT;
	struct search s = { .given = credential(r, &query) };
	enum auth result = AUTH_WRONG;

	if (s.given.s == NULL) {
		result = AUTH_MISSING;
	} else if (is_token_of(instance, s.given)) {
		result = AUTH_OK;
	} else {
		catalog_each(catalog, compare, &s);
		result = s.is_found ? AUTH_OTHER : AUTH_WRONG;
	}
	buf_free(&query);
	return result;
}

int
auth_status(enum auth auth)
{
	return auth == AUTH_OTHER ? 403 : 401;
}

const char *
auth_message(enum auth auth)
{
	static const char *const messages[] = {
		[AUTH_OK] = "",
		[AUTH_MISSING] =
			"Missing token in header, Authorization header, or query parameter",
		[AUTH_WRONG] = "Invalid token",
		[AUTH_OTHER] = "Instance token does not match requested instance",
	};
	return messages[auth];
}
