/* SPDX-License-Identifier: Apache-2.0 */
/* ini_compare.c - what is different between two readings of INI files (see ini.h). */
#include <string.h>

#include "ini.h"

struct comparison {
	void (*fn)(void *arg, const struct config_change *);
	void *arg;
};

static bool
is_same_name(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static const struct ini_section *
find_section(const struct ini *ini, const struct ini_section *like)
{
	const struct ini_section *s = ini->sections;

	while (s != NULL &&
		(strcmp(s->kind, like->kind) != 0 || !is_same_name(s->name, like->name)))
		s = s->next;
	return s;
}

static const struct ini_entry *
find_entry(const struct ini_section *s, const char *key)
{
	const struct ini_entry *e = s->entries;

	while (e != NULL && strcmp(e->key, key) != 0)
		e = e->next;
	return e;
}

static void
tell(const struct comparison *c, const struct ini_section *s, int what, const char *key)
{
	const struct config_change change = { s->kind, s->name, what, key };
	c->fn(c->arg, &change);
}

/* A section without a name is there once, with its defaults also where the file does not say it: only its keys
 * come and go. */
static void
tell_alone(const struct comparison *c, const struct ini_section *s, int what)
{
	if (s->name != NULL) {
		tell(c, s, what, NULL);
		return;
	}
	for (const struct ini_entry *e = s->entries; e != NULL; e = e->next)
		tell(c, s, CONFIG_CHANGED, e->key);
}

static bool
is_same_value(const struct ini_entry *a, const struct ini_entry *b)
{
	return strcmp(a->value, b->value) == 0 &&
		(a->secret == NULL || b->secret == NULL || strcmp(a->secret, b->secret) == 0);
}

static void
compare_section(const struct comparison *c, const struct ini_section *before,
	const struct ini_section *after)
{
	for (const struct ini_entry *e = before->entries; e != NULL; e = e->next) {
		const struct ini_entry *now = find_entry(after, e->key);
		if (now == NULL || !is_same_value(now, e))
			tell(c, after, CONFIG_CHANGED, e->key);
	}
	for (const struct ini_entry *e = after->entries; e != NULL; e = e->next) {
		if (find_entry(before, e->key) == NULL)
			tell(c, after, CONFIG_CHANGED, e->key);
	}
}

void
ini_compare(const struct ini *before, const struct ini *after,
	void (*fn)(void *arg, const struct config_change *), void *arg)
{
	const struct comparison c = { fn, arg };

	for (const struct ini_section *s = before->sections; s != NULL; s = s->next) {
		const struct ini_section *now = find_section(after, s);
		if (now != NULL)
			compare_section(&c, s, now);
		else
			tell_alone(&c, s, CONFIG_REMOVED);
	}
	for (const struct ini_section *s = after->sections; s != NULL; s = s->next) {
		if (find_section(before, s) == NULL)
			tell_alone(&c, s, CONFIG_ADDED);
	}
}
