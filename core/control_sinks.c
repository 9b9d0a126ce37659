/* SPDX-License-Identifier: Apache-2.0 */
/* control_sinks.c - the answer to who asks for a sink that there is not: which ones there are. */
#include "control_impl.h"

#include "err.h"

#define NAMES_BYTES_MAX 160 /* of the answer; the rest is counted */

struct names {
	struct buf text;
	size_t left_out;
};

static void
add_name(struct names *names, struct hsw_str first, const char *slash, const char *second)
{
	size_t more = first.len + strlen(slash) + strlen(second) + 2;

	if (names->left_out > 0 || names->text.len + more > NAMES_BYTES_MAX) {
		names->left_out++;
		return;
	}
	buf_printf(&names->text, "%s%.*s%s%s", names->text.len > 0 ? ", " : "", (int)first.len,
		first.s, slash, second);
}

static void
add_webhooks(void *arg, struct instance_settings *i)
{
	for (const struct webhook *w = i->webhooks; w != NULL; w = w->next) {
		if (w->enabled)
			add_name(arg, i->instance->name, "/", w->label);
	}
}

bool
control_has_sink(const struct tour *t, struct hsw_str name)
{
	const char *slash = name.len > 0 ? memchr(name.s, '/', name.len) : NULL;

	if (slash == NULL)
		return control_is_sink(t->config, name);
	const struct instance_settings *i = settings_find(
		t->server->settings, (struct hsw_str){ name.s, (size_t)(slash - name.s) });
	const struct hsw_str label = { slash + 1, name.len - (size_t)(slash + 1 - name.s) };
	for (const struct webhook *w = i != NULL ? i->webhooks : NULL; w != NULL; w = w->next) {
		if (str_is(label, w->label))
			return true;
	}
	return false;
}

void
control_no_sink(struct tour *t)
{
	struct names names = { .text = BUF_INIT };

	for (const struct config_section *s = t->config->sinks; s != NULL; s = s->next)
		add_name(&names, str_of(s->name), "", "");
	settings_each(t->server->settings, add_webhooks, &names);
	const struct buf *b = &names.text;
	if (b->failed || b->len == 0)
		err_set(&t->error, HSW_ENOENT, "sink: there is none of that name, and no other");
	else if (names.left_out > 0)
		err_set(&t->error, HSW_ENOENT,
			"sink: there is none of that name; there are: %.*s and %zu more",
			(int)b->len, b->data, names.left_out);
	else
		err_set(&t->error, HSW_ENOENT, "sink: there is none of that name; there are: %.*s",
			(int)b->len, b->data);
	buf_free(&names.text);
	t->status = 404;
}
