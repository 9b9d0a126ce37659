/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_conf.c - fills a plugin's conf struct from key and value strings by its option table.
 */
#include <hookswitch/harness.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
	const char *suffix;
	int64_t factor;
};

static const struct unit size_units[] = { { "", 1 }, { "k", 1024 }, { "m", 1024 * 1024 },
	{ "g", 1024 * 1024 * 1024 }, { NULL, 0 } };
static const struct unit time_units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 },
	{ "h", 3600 * 1000 }, { "d", 24 * 3600 * 1000 }, { NULL, 0 } };
static const struct unit no_units[] = { { "", 1 }, { NULL, 0 } };

/* As the daemon: in any case, and 0 needs no unit. */
static bool
parse_number(const char *s, const struct unit *units, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(s, &end, 10);
	if (errno != 0 || end == s)
		return false;
	if (*out == 0 && *end == '\0')
		return true;
	for (; units->suffix != NULL; units++) {
		if (strcasecmp(units->suffix, end) == 0)
			return !__builtin_mul_overflow(*out, units->factor, out);
	}
	return false;
}

static int
word_index(const char *const *words, const char *s, int (*compare)(const char *, const char *))
{
	for (int i = 0; words[i] != NULL; i++) {
		if (compare(words[i], s) == 0)
			return i;
	}
	return -1;
}

static const char **
parse_list(const char *s)
{
	size_t max = 2;
	for (const char *p = s; *p != '\0'; p++)
		max += *p == ',';
	const char **list = calloc(max, sizeof(*list));
	size_t n = 0;

	while (list != NULL && *s != '\0') {
		s += strspn(s, " \t,");
		size_t len = strcspn(s, ",");
		size_t keep = len;
		while (keep > 0 && (s[keep - 1] == ' ' || s[keep - 1] == '\t'))
			keep--;
		if (keep > 0)
			list[n++] = strndup(s, keep);
		s += len;
	}
	return list;
}

static const struct unit *
units_of(enum hsw_opt_type type)
{
	if (type == HSW_OPT_SIZE)
		return size_units;
	return type == HSW_OPT_MSEC ? time_units : no_units;
}

static bool
set_number(const struct hsw_option *o, void *member, const char *value)
{
	int64_t n;

	if (!parse_number(value, units_of(o->type), &n))
		return false;
	if ((o->min != 0 || o->max != 0) && (n < o->min || n > o->max))
		return false;
	*(int64_t *)member = n;
	return true;
}

static bool
set_bool(bool *member, const char *value)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1",
		NULL };
	int i = word_index(words, value, strcasecmp);

	*member = i % 2 == 1;
	return i >= 0;
}

static bool
set_enum(const struct hsw_option *o, int *member, const char *value)
{
	*member = word_index(o->choices, value, strcmp);
	return *member >= 0;
}

static bool
set_member(const struct hsw_option *o, void *conf, const char *value)
{
	void *member = (char *)conf + o->offset;

	switch (o->type) {
	case HSW_OPT_STRING:
	case HSW_OPT_SECRET:
	case HSW_OPT_URL:
	case HSW_OPT_PATH:
		free(*(char **)member);
		*(char **)member = strdup(value);
		return true;
	case HSW_OPT_LIST:
		*(const char ***)member = parse_list(value);
		return true;
	case HSW_OPT_BOOL:
		return set_bool(member, value);
	case HSW_OPT_ENUM:
		return set_enum(o, member, value);
	case HSW_OPT_INT:
	case HSW_OPT_SIZE:
	case HSW_OPT_MSEC:
		return set_number(o, member, value);
	}
	return false;
}

static const char *
given(const char *const *options, const char *key)
{
	for (; options != NULL && options[0] != NULL; options += 2) {
		if (strcmp(options[0], key) == 0)
			return options[1];
	}
	return NULL;
}

/* The first option that no table has, or NULL. */
static const char *
unknown_key(const struct hsw_plugin *p, const char *const *options)
{
	for (; options != NULL && options[0] != NULL; options += 2) {
		const struct hsw_option *o = p->options;
		while (o != NULL && o->key != NULL && strcmp(o->key, options[0]) != 0)
			o++;
		if (o == NULL || o->key == NULL)
			return options[0];
	}
	return NULL;
}

void *
fake_conf_new(const struct hsw_plugin *p, const char *const *options, struct hsw_error *err)
{
	const char *bad = unknown_key(p, options);
	const char *why = "there is no such option";
	void *conf = calloc(1, p->conf_size + 1);

	for (const struct hsw_option *o = p->options; bad == NULL && o != NULL && o->key; o++) {
		const char *value = given(options, o->key);
		if (value == NULL)
			value = o->def;
		if (value != NULL && !set_member(o, conf, value)) {
			bad = o->key;
			why = "not a value of its type, or out of its bounds";
		} else if (value == NULL && (o->flags & HSW_OPT_REQUIRED)) {
			bad = o->key;
			why = "this option is required";
		}
	}
	if (bad == NULL)
		return conf;
	snprintf(err->text, sizeof(err->text), "%s: %s", bad, why);
	fake_conf_free(p, conf);
	return NULL;
}

void
fake_conf_free(const struct hsw_plugin *p, void *conf)
{
	for (const struct hsw_option *o = p->options; o != NULL && o->key != NULL; o++) {
		void *member = (char *)conf + o->offset;
		if (o->type <= HSW_OPT_PATH)
			free(*(char **)member);
		if (o->type != HSW_OPT_LIST)
			continue;
		char **list = *(char ***)member;
		for (size_t i = 0; list != NULL && list[i] != NULL; i++)
			free(list[i]);
		free(list);
	}
	free(conf);
}
