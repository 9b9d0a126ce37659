/* SPDX-License-Identifier: Apache-2.0 */
/* config_tokens.c - see config_tokens.h. */
#include "config_tokens.h"

#include <string.h>

/* Where the instance's token stands. */
static int
line_of_token(const struct ini *ini, const struct config_section *s)
{
	const struct ini_section *found = ini->sections;

	while (found != NULL &&
		(strcmp(found->kind, "instance") != 0 || found->name == NULL ||
			strcmp(found->name, s->name) != 0))
		found = found->next;
	const struct ini_entry *e = found != NULL ? found->entries : NULL;
	while (e != NULL && strcmp(e->key, "token") != 0)
		e = e->next;
	return e != NULL ? e->line : s->line;
}

/* NULL: no instance that stands before it has its token. */
static const struct config_section *
find_earlier(const struct config *c, const struct config_section *s)
{
	for (const struct config_section *o = c->instances; o != s; o = o->next) {
		if (o->u.instance.token != NULL &&
			strcmp(o->u.instance.token, s->u.instance.token) == 0)
			return o;
	}
	return NULL;
}

void
config_tokens_check(const struct config *c, const struct ini *ini, struct config_errors *errors)
{
	const char *account = c->api.account_token;

	for (const struct config_section *s = c->instances; s != NULL; s = s->next) {
		const char *token = s->u.instance.token;
		if (token == NULL || *token == '\0')
			continue;
		const struct config_section *other = find_earlier(c, s);
		if (account != NULL && strcmp(token, account) == 0)
			config_error(errors, s->file, line_of_token(ini, s),
				"[instance %s] token: is the account_token of [api], too", s->name);
		if (other != NULL)
			config_error(errors, s->file, line_of_token(ini, s),
				"[instance %s] token: is the token of [instance %s], too", s->name,
				other->name);
	}
}
