/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gone.c - see gone.h.
 *
 * Who calls what from where: gone_tell on a worker; apply on the store thread, among the changes of the API. The
 * webhook may have been set since: then it is another one, of which nothing was told.
 */
#include "gone.h"

#include <stdio.h>
#include <stdlib.h>

#include "change.h"
#include "clock.h"
#include "err.h"
#include "log.h"

static bool
is_news(const struct webhook *w, const struct webhook *told)
{
	return w->enabled && w->set_ms == told->set_ms &&
		(w->disabled_reason == NULL) != (told->disabled_reason == NULL);
}

static void
apply(struct change *c, const struct store_port *store)
{
	struct settings *s = c->server->settings;
	struct instance_settings *i = settings_find(s, str_of(c->instance));
	struct webhook *w = i != NULL ? settings_find_webhook(i, c->webhook->label) : NULL;
	struct hsw_error err = { "" };

	if (s->has_wrong_key || w == NULL || !is_news(w, c->webhook)) {
		change_fail(c, 409, "It was changed meanwhile");
		return;
	}
	int rc = settings_disable_webhook(s, store, i, w, c->webhook->disabled_reason, &err);
	if (rc == HSW_OK || change_is_late(c, rc))
		return;
	log_error("api", "a webhook's state was not stored instance=%s label=%s: %s", c->instance,
		w->label, err.text);
	change_fail(c, 500, "It was not stored");
}

static char *
print_reason(int status)
{
	char at[CLOCK_TEXT_SIZE], *text;

	clock_text(clock_wall_ms(), at);
	return asprintf(&text, "answered %d at %s", status, at) >= 0 ? text : NULL;
}

/* false: out of memory. */
static bool
fill(struct change *c, const struct webhook_section *s, int status)
{
	c->instance = strdup(s->instance);
	c->webhook = webhook_new(str_of(s->name + strlen(s->instance) + 1));
	if (c->instance == NULL || c->webhook == NULL)
		return false;
	c->webhook->set_ms = s->set_ms;
	if (status != 0)
		c->webhook->disabled_reason = print_reason(status);
	return status == 0 || c->webhook->disabled_reason != NULL;
}

void
gone_tell(void *arg, const struct webhook_section *s, int status)
{
	struct change *c = change_new_unasked(arg);

	if (c != NULL && fill(c, s, status)) {
		c->apply = apply;
		change_post(c);
		return;
	}
	change_free(c);
	log_error("api", "out of memory: a webhook's state is not stored destination=%s", s->name);
}
