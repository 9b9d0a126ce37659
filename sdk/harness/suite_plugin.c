/* SPDX-License-Identifier: Apache-2.0 */
/* suite_plugin.c - what every plugin must do: its description and its options; and opening one again. */
#include "suite.h"

#include <stddef.h>
#include <string.h>

#include "expect.h"
#include "fake_private.h"

struct hsw_handle *
fake_subject_open(const struct fake_subject *s)
{
	struct hsw_error err = { "" };
	struct hsw_handle *h = fake_open_plugin(s->plugin, s->options, &err);

	if (h == NULL)
		fake_fail("open: %s", err.text);
	return h;
}

static void
file_and_plugin_have_one_name(const struct fake_subject *s)
{
	static const char *const kinds[] = { "", "source-", "sink-", "store-" };
	const struct hsw_plugin *p = s->plugin;

	if (p->magic != HSW_PLUGIN_MAGIC || p->size < sizeof(*p))
		fake_fail("it was not made by HSW_PLUGIN");
	if (p->abi_major != HSW_ABI_MAJOR || p->abi_minor > HSW_ABI_MINOR)
		fake_fail("it is for ABI %u.%u", p->abi_major, p->abi_minor);
	if (p->kind < HSW_SOURCE || p->kind > HSW_STORE)
		fake_fail("kind %u is none", p->kind);
	size_t n = strlen(kinds[p->kind]);
	if (strncmp(s->name, kinds[p->kind], n) != 0 || strcmp(s->name + n, p->name) != 0)
		fake_fail("%s is the plugin %s%s", s->name, kinds[p->kind], p->name);
	if (p->version == NULL || p->summary == NULL || strchr(p->summary, '\n') != NULL)
		fake_fail("version and summary are one line each");
}

static size_t
size_of(enum hsw_opt_type type)
{
	switch (type) {
	case HSW_OPT_STRING:
	case HSW_OPT_SECRET:
	case HSW_OPT_URL:
	case HSW_OPT_PATH:
	case HSW_OPT_LIST:
		return sizeof(char *);
	case HSW_OPT_BOOL:
		return 1;
	case HSW_OPT_INT:
	case HSW_OPT_SIZE:
	case HSW_OPT_MSEC:
		return sizeof(int64_t);
	case HSW_OPT_ENUM:
		return sizeof(int);
	}
	return 0;
}

static void
check_option(const struct hsw_plugin *p, const struct hsw_option *o)
{
	size_t size = size_of(o->type);

	if (!fake_is_name(o->key))
		fake_fail("%s: a key is of a-z, 0-9 and _", o->key);
	if (size == 0)
		fake_fail("%s: type %d is none", o->key, o->type);
	if (o->offset + size > p->conf_size || o->offset % size != 0)
		fake_fail("%s: its member does not lie in the conf struct", o->key);
	if (o->help == NULL || *o->help == '\0')
		fake_fail("%s: has no help", o->key);
	if (o->min > o->max)
		fake_fail("%s: min is more than max", o->key);
	if ((o->type == HSW_OPT_ENUM) != (o->choices != NULL))
		fake_fail("%s: an enum, and nothing else, has choices", o->key);
	if (o->def != NULL && (o->flags & HSW_OPT_REQUIRED) != 0)
		fake_fail("%s: what must be set needs no default", o->key);
	for (const struct hsw_option *other = p->options; other != o; other++) {
		if (strcmp(other->key, o->key) == 0)
			fake_fail("%s: stands twice in the table", o->key);
		if (other->offset < o->offset + size &&
			o->offset < other->offset + size_of(other->type))
			fake_fail("%s and %s share a member", other->key, o->key);
	}
}

static void
options_fit_their_struct(const struct fake_subject *s)
{
	struct hsw_error err = { "" };

	for (const struct hsw_option *o = s->plugin->options; o != NULL && o->key != NULL; o++)
		check_option(s->plugin, o);
	if (s->plugin->kind == HSW_STORE)
		return; /* the rig of stores fills it, for each test anew */
	void *conf = fake_conf_new(s->plugin, s->options, &err);
	if (conf == NULL)
		fake_fail("%s", err.text);
	fake_conf_free(s->plugin, conf);
}

/* Of sinks and sources: a store is opened again by its own tests. */
void
fake_handles_open_and_close_again(const struct fake_subject *s)
{
	for (int i = 0; i < 3; i++) {
		struct hsw_handle *one = fake_subject_open(s);
		fake_reopen(one);
		fake_run(one, 20);
		fake_close(one);
	}
}

const struct suite_test fake_suite_of_plugins[] = {
	{ "file and plugin have one name", file_and_plugin_have_one_name },
	{ "options fit their struct", options_fit_their_struct },
	{ NULL, NULL },
};
