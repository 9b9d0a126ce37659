/* SPDX-License-Identifier: Apache-2.0 */
/* auth.c - see auth.h. */
#include "auth.h"

#include <strings.h>

static struct hsw_str
without_scheme(struct hsw_str s)
{
	static const char scheme[] = "Bearer";
	size_t n = sizeof(scheme) - 1;

	if (s.len < n || strncasecmp(s.s, scheme, n) != 0 || (s.len > n && s.s[n] != ' '))
		return s;
	while (n < s.len && s.s[n] == ' ')
		n++;
	return (struct hsw_str){ s.s + n, s.len - n };
}

bool
auth_token(const struct http_request *r, struct buf *out)
{
	struct hsw_str given = http_header(r, "token");

	if (given.len == 0)
		given = without_scheme(http_header(r, "authorization"));
	if (given.len == 0)
		return http_query(r, "token", out) && out->len > 0;
	buf_append(out, given.s, given.len);
	return true;
}

const char *
auth_message(enum auth auth)
{
	return auth == AUTH_MISSING
		? "Missing token in header, Authorization header, or query parameter"
		: "Invalid token";
}
