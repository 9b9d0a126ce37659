/* SPDX-License-Identifier: Apache-2.0 */
/* postgres.c - store-postgres: the journal in a schema of a PostgreSQL database. */
#include "postgres.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node.h"
#include "share.h"

#define NAME_MAX_BYTES 63 /* of PostgreSQL's names */

static const struct hsw_option options[] = {
	{ "dsn", HSW_OPT_SECRET, HSW_OPT_REQUIRED, offsetof(struct postgres_conf, dsn), NULL, 0, 0,
		NULL,
		"Where the database is, in libpq's words: key=value pairs or a URI; several hosts, "
		"service "
		"files and PGPASSWORD work." },
	{ "schema", HSW_OPT_STRING, 0, offsetof(struct postgres_conf, schema), "hookswitch", 0, 0,
		NULL,
		"The schema that holds the tables. 1 to 63 bytes, the first ones not pg_. Made at "
		"the first start; daemons that name the "
		"same one share the work." },
	{ "node", HSW_OPT_STRING, 0, offsetof(struct postgres_conf, node), "", 0, 0, NULL,
		"This daemon's name among those that share the schema; each has its own. 1 to 63 "
		"letters, digits, dots, hyphens and underscores. Without "
		"one: the host's name." },
	{ "timeout", HSW_OPT_MSEC, 0, offsetof(struct postgres_conf, timeout_ms), "10s", 1000,
		600000, NULL,
		"How long the server may take for one transaction. Then the connection is given "
		"up." },
	{ NULL, HSW_OPT_STRING, 0, 0, NULL, 0, 0, NULL, NULL },
};

/* libpq's first line, which quotes parts of the dsn: left out where those may hold a password. */
static void
add_reason(struct hsw_error *err, const char *dsn, const char *reason)
{
	bool has_password = strstr(dsn, "password") != NULL || strchr(dsn, '@') != NULL;
	size_t len = strlen(err->text);

	while (*reason != '\0' && *reason != '\n' && len + 4 < sizeof(err->text)) {
		size_t quoted = *reason == '"' ? strcspn(reason + 1, "\"\n") : 0;
		if (quoted <= 1 || !has_password) {
			size_t n = quoted == 1 && reason[2] == '"' ? 3 : 1; /* with both marks */
			memcpy(err->text + len, reason, n);
			len += n;
			reason += n;
			continue;
		}
		memcpy(err->text + len, "...", 3);
		len += 3;
		/* It may hold quotation marks itself. */
		const char *last = strrchr(reason + 1, '"');
		reason = last != NULL ? last + 1 : reason + strlen(reason);
	}
	err->text[len] = '\0';
}

static int
check_dsn(const char *dsn, struct hsw_error *err)
{
	char *reason = NULL;
	bool is_long = strchr(dsn, '=') != NULL || strstr(dsn, "://") != NULL;
	PQconninfoOption *parsed = is_long ? PQconninfoParse(dsn, &reason) : NULL;

	if (is_long && parsed == NULL) {
		pg_error(err, HSW_EINVAL,
			"dsn: expected libpq's key=value pairs or a postgresql:// URI: ");
		add_reason(err, dsn, reason != NULL ? reason : "out of memory");
	}
	PQconninfoFree(parsed);
	PQfreemem(reason);
	return is_long && parsed == NULL ? HSW_EINVAL : HSW_OK;
}

static bool
is_name(const char *s)
{
	size_t len = strlen(s);

	return len > 0 && len <= NODE_NAME_MAX &&
		strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		len;
}

#define NODE_FORM "node: expected a name of 1 to %d letters, digits, dots, hyphens and underscores"

static int
check_conf(const void *arg, struct hsw_error *err)
{
	const struct postgres_conf *conf = arg;
	size_t len = strlen(conf->schema);

	if (len == 0 || len > NAME_MAX_BYTES || strncmp(conf->schema, "pg_", 3) == 0)
		return pg_error(err, HSW_EINVAL,
			"schema: expected a name of 1 to %d bytes that does not begin with pg_",
			NAME_MAX_BYTES);
	if (conf->node != NULL && *conf->node != '\0' && !is_name(conf->node))
		return pg_error(err, HSW_EINVAL, NODE_FORM, NODE_NAME_MAX);
	return check_dsn(conf->dsn, err);
}

static int
choose_name(struct postgres_store *s, struct hsw_error *err)
{
	char host[NODE_NAME_MAX + 1] = "";
	const char *name = s->conf->node;

	if (name == NULL || *name == '\0') {
		if (gethostname(host, sizeof(host) - 1) != 0)
			host[0] = '\0';
		name = host;
	}
	if (!is_name(name))
		return pg_error(
			err, HSW_EINVAL, NODE_FORM ", as the host's name is none", NODE_NAME_MAX);
	memcpy(s->node_name, name, strlen(name) + 1);
	return HSW_OK;
}

int
postgres_open(const struct hsw_host *host, struct hsw_handle *handle,
	const struct postgres_conf *conf, bool is_user, struct postgres_store **out,
	struct hsw_error *err)
{
	int rc = check_conf(conf, err);
	struct postgres_store *s = rc == HSW_OK ? calloc(1, sizeof(*s)) : NULL;

	if (rc != HSW_OK)
		return rc;
	if (s == NULL)
		return pg_error(err, HSW_ENOMEM, "out of memory");
	s->host = host;
	s->handle = handle;
	s->conf = conf;
	s->is_user = is_user;
	rc = choose_name(s, err);
	if (rc == HSW_OK)
		rc = session_open(s, err);
	if (rc == HSW_OK)
		*out = s;
	else
		postgres_close(s);
	return rc;
}

void
postgres_close(struct postgres_store *s)
{
	node_free(s->node);
	session_drop(s);
	destinations_free(s);
	free(s);
}

static int
store_open(const struct hsw_host *host, struct hsw_handle *handle, const void *conf, void **self,
	struct hsw_error *err)
{
	struct postgres_store *s = NULL;
	int rc = postgres_open(host, handle, conf, true, &s, err);

	*self = s;
	return rc;
}

static int
store_exists(const struct hsw_host *host, struct hsw_handle *handle, const void *conf,
	struct hsw_error *err)
{
	struct postgres_store s = { .host = host, .handle = handle, .conf = conf };
	int rc = check_conf(conf, err);

	return rc == HSW_OK ? session_look(&s, err) : rc;
}

static void
store_close(void *self)
{
	postgres_close(self);
}

static const struct hsw_store_ops ops = {
	.size = sizeof(struct hsw_store_ops),
	.open = store_open,
	.commit = store_commit,
	.read = store_read,
	.read_seqs = store_read_seqs,
	.attach = store_attach,
	.cursors = store_cursors,
	.retries = store_retries,
	.dead = store_dead,
	.dead_counts = store_dead_counts,
	.dead_replay = store_dead_replay,
	.dead_purge = store_dead_purge,
	.prune = store_prune,
	.stats = store_stats,
	.close = store_close,
	.records = store_records,
	.detach = store_detach,
	.memos = store_memos,
	.forget_memos = store_forget_memos,
	.memos_after = store_memos_after,
	.retire = node_retire,
	.join = node_join,
	.want = node_want,
	.news = node_news,
	.claims = node_claims,
	.release = node_release,
	.leave = node_leave,
	.nodes = node_each,
	.alone = store_alone,
	.usage = store_usage,
	.dead_expire = store_dead_expire,
	.exists = store_exists,
	.check = check_conf,
	.gaps = store_gaps,
};

HSW_PLUGIN(HSW_STORE, "postgres", "1.0", "a PostgreSQL database", sizeof(struct postgres_conf),
	options, &ops);
