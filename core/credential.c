/* SPDX-License-Identifier: Apache-2.0 */
/* credential.c - see credential.h. */
#include "credential.h"

#include "crypt.h"

struct wanted {
	const char *source;              /* NULL: none */
	const struct instance *instance; /* NULL: its token is none */
};

static bool
is_good(const struct wanted *w, struct hsw_str given)
{
	bool good = w->source != NULL && secret_equal(given, str_of(w->source));

	if (w->instance != NULL && w->instance->token.s != NULL)
		good |= secret_equal(given, w->instance->token);
	return good;
}

/* Takes the segment at..at+len out, with the slash before it. */
static bool
cut(struct hsw_str *rest, size_t at, size_t len, struct buf *scratch)
{
	scratch->len = 0;
	buf_append(scratch, rest->s, at - 1);
	buf_append(scratch, rest->s + at + len, rest->len - at - len);
	*rest = (struct hsw_str){ scratch->len > 0 ? scratch->data : "", scratch->len };
	return !scratch->failed;
}

static bool
is_in_path(const struct wanted *w, struct hsw_str *rest, struct buf *scratch)
{
	for (size_t at = 1; at < rest->len;) {
		const char *slash = memchr(rest->s + at, '/', rest->len - at);
		size_t len = slash != NULL ? (size_t)(slash - rest->s) - at : rest->len - at;
		if (len > 0 && is_good(w, (struct hsw_str){ rest->s + at, len }))
			return cut(rest, at, len, scratch);
		at += len + 1;
	}
	return false;
}

enum auth
credential_check(const struct http_request *r, const struct source_conf *conf,
	const struct instance *instance, struct hsw_str *rest, struct buf *scratch)
{
	const struct wanted wanted = { conf->token, conf->instance_token ? instance : NULL };
	struct buf given = BUF_INIT;

	if (conf->token == NULL && !conf->instance_token)
		return AUTH_OK;
	bool has_token = auth_token(r, &given);
	bool good = has_token && is_good(&wanted, (struct hsw_str){ given.data, given.len });
	buf_free(&given);
	if (good || is_in_path(&wanted, rest, scratch))
		return AUTH_OK;
	return has_token ? AUTH_WRONG : AUTH_MISSING;
}
