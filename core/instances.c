/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instances.c - see instances.h.
 *
 * Who calls what from where: instances.h is the main thread's; apply, its visitor and done run on the store
 * thread, in the queue of the API's changes, so that neither sees the other's half.
 */
#include "instances.h"

#include "err.h"
#include "log.h"

struct visit {
	struct change *change;
	const struct store_port *store;
};

static int
came(void *arg, struct hsw_str instance, const struct webhook *w)
{
	struct visit *v = arg;
	struct hsw_error err = { "" };
	struct webhook_section *s = webhook_section_new(
		&v->change->server->webhook_sink, instance, w, &err);

	if (s != NULL)
		return change_put(v->change, v->store, s);
	/* As at start: one that cannot be opened must not keep the others from their events. */
	log_error("api", "a webhook cannot be opened instance=%.*s label=%s: %s", (int)instance.len,
		instance.s, w->label, err.text);
	return HSW_OK;
}

static void
left(void *arg, struct hsw_str instance, const struct webhook *w)
{
	struct visit *v = arg;
	change_remove(v->change, instance, w->label);
}

static void
ended(void *arg, struct hsw_str instance)
{
	struct visit *v = arg;
	change_end(v->change, instance);
}

static void
apply(struct change *c, const struct store_port *store)
{
	struct visit visit = { c, store };
	const struct settings_visitor visitor = { came, left, ended, &visit };
	struct hsw_error err = { "" };

	if (settings_reload(c->server->settings, c->config, store, &visitor, &err) == HSW_OK)
		return;
	change_unput(c, store);
	if (c->status < 400) /* change_put said it */
		change_fail(c, 500, "%s", err.text);
}

static void
done(struct change *c)
{
	struct instances *i = c->arg;

	i->rc = c->status >= 400 ? HSW_EIO : HSW_OK;
	i->error = c->error;
	if (i->rc != HSW_OK)
		log_error("config", "the instances stay as they were: %s", i->error.text);
	atomic_store(&i->is_changing, false);
}

void
instances_init(struct instances *i, struct server *s)
{
	*i = (struct instances){ .server = s };
}

void
instances_change(struct instances *i, const struct config *config)
{
	struct change *c = change_new_own(i->server, config, done, i);

	if (c == NULL) {
		i->rc = err_set(&i->error, HSW_ENOMEM, "out of memory");
		log_error("config", "out of memory: the instances stay as they were");
		return;
	}
	c->apply = apply;
	atomic_store(&i->is_changing, true);
	change_post(c);
}

bool
instances_are_changing(const struct instances *i)
{
	return atomic_load(&i->is_changing);
}
