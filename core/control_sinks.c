/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_sinks.c - the sink that a request names: where it is; or the answer that there is none, and which ones
 * there are.
 */
#include "control_impl.h"

#include "claim.h"
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
		return control_find_sink(t->config, name) != NULL;
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

static void
point_elsewhere(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;
	struct buf node = BUF_INIT;

	if (t->server->claims != NULL)
		claims_find(store, t->query.destination, &node);
	control_no_sink(t);
	if (node.len > 0 && !node.failed)
		err_set(&t->error, HSW_ENOENT, "sink: node %.*s serves it: ask there",
			(int)node.len, node.data);
	buf_free(&node);
	tour_go_home(t);
}

struct destination *
control_find_destination(struct tour *t, bool *is_passed)
{
	struct destination *d = destination_find(
		&t->server->workers[t->stop].delivery, t->query.destination);

	*is_passed = d == NULL && t->stop + 1 < t->server->n_workers;
	if (*is_passed)
		worker_post(&t->server->workers[++t->stop], &t->mail);
	return d;
}

struct destination *
control_need_destination(struct tour *t)
{
	bool is_passed;
	struct destination *d = control_find_destination(t, &is_passed);

	if (d == NULL && !is_passed)
		tour_go_to_store(t, point_elsewhere);
	return d;
}

/* ---- which sink ---- */

const struct sink_conf *
control_find_sink(const struct config *config, struct hsw_str name)
{
	const struct config_section *s = config->sinks;

	while (s != NULL && !str_is(name, s->name))
		s = s->next;
	return s != NULL ? &s->u.sink : NULL;
}

struct id_search {
	struct hsw_str id;
	const struct instance_settings *found;
};

static void
compare_id(void *arg, struct instance_settings *i)
{
	struct id_search *search = arg;

	if (str_is(search->id, i->instance->id))
		search->found = i;
}

static const struct instance_settings *
find_instance(struct settings *settings, struct hsw_str name_or_id)
{
	struct id_search search = { .id = name_or_id };

	if (name_or_id.len == 0)
		return NULL;
	search.found = settings_find(settings, name_or_id);
	if (search.found == NULL)
		settings_each(settings, compare_id, &search);
	return search.found;
}

const struct webhook *
control_find_webhook(struct tour *t, struct hsw_str *instance)
{
	const struct hsw_str name = t->query.destination;
	const char *slash = name.len > 0 ? memchr(name.s, '/', name.len) : NULL;
	struct buf full = BUF_INIT;

	if (slash == NULL)
		return NULL;
	const struct instance_settings *i = find_instance(
		t->server->settings, (struct hsw_str){ name.s, (size_t)(slash - name.s) });
	const struct webhook *w = i != NULL ? settings_find_webhook(i, slash + 1) : NULL;
	if (w == NULL || !w->enabled)
		return NULL;
	*instance = i->instance->name;
	buf_append(&full, instance->s, instance->len);
	buf_printf(&full, "/%s", w->label);
	buf_append(&full, "", 1);
	if (full.failed) {
		buf_free(&full);
		return NULL;
	}
	buf_free(&t->sink);
	t->sink = full;
	t->query.destination = (struct hsw_str){ full.data, full.len - 1 };
	return w;
}

int
control_find_conf(struct tour *t, const struct sink_conf **conf, struct webhook_section **made)
{
	struct hsw_str instance;

	*conf = control_find_sink(t->config, t->query.destination);
	if (*conf != NULL)
		return HSW_OK;
	const struct webhook *w = control_find_webhook(t, &instance);
	if (w == NULL) {
		control_no_sink(t);
		return HSW_ENOENT;
	}
	*made = webhook_section_new(&t->server->webhook_sink, instance, w, &t->error);
	if (*made == NULL)
		return HSW_EIO;
	*conf = &(*made)->section.u.sink;
	return HSW_OK;
}
