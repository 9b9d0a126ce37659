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

enum auth
auth_check(const struct http_request *r, struct hsw_str expected)
{
	struct hsw_str given = http_header(r, "token");
	struct buf query = BUF_INIT;

	if (given.s == NULL)
		given = without_scheme(http_header(r, "authorization"));
	if (given.s == NULL && http_query(r, "token", &query))
		given = (struct hsw_str){ query.data != NULL ? query.data : "", query.len };
	enum auth result = given.s == NULL      ? AUTH_MISSING
		: secret_equal(given, expected) ? AUTH_OK
						: AUTH_WRONG;
	buf_free(&query);
	return result;
}

const char *
auth_message(enum auth auth)
{
	return auth == AUTH_MISSING
		? "Missing token in header, Authorization header, or query parameter"
		: "Invalid token";
}
