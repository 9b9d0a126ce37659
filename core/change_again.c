/* SPDX-License-Identifier: Apache-2.0 */
/* change_again.c - a change is applied again when another node made one first. Store thread. */
#include "change_impl.h"

#include <stdlib.h>

#include "err.h"
#include "log.h"

#define TRIES 50 /* of a change, while other nodes make theirs */

bool
change_is_late(struct change *c, int rc)
{
	if (rc != HSW_ENOENT)
		return false;
	c->is_late = true;
	change_fail(c, 503, "Other nodes change the settings, too: try again");
	return true;
}

/* Its destination may be that of a webhook which another node made: it is kept until that is known. */
static void
keep_attached(struct change *c)
{
	for (const struct change_step *s = c->steps; s != NULL; s = s->next) {
		if (s->is_put && c->attached == NULL && (c->attached = strdup(s->name)) == NULL)
			log_error("api",
				"out of memory: a destination may be left over destination=%s",
				s->name);
	}
}

static void
forget_attached(const struct change *c, const struct store_port *store)
{
	struct hsw_error err = { "" };

	if (c->attached == NULL || settings_want(c->server->settings, str_of(c->attached)))
		return;
	if (store->ops->detach(store->self, str_of(c->attached), &err) != HSW_OK)
		log_warn("api", "a destination is left over destination=%s: %s", c->attached,
			err.text);
}

/* As before it was applied, but for what apply can find again. */
static void
take_back(struct change *c)
{
	keep_attached(c);
	change_free_steps(c);
	change_free_ended(c);
	buf_free(&c->out);
	c->status = 0;
	c->is_late = false;
	*c->note = '\0';
	c->error = (struct hsw_error){ "" };
}

static void
reloaded(struct change *reload)
{
	struct change *c = reload->arg;

	if (reload->status >= 400)
		c->tries = TRIES; /* there is nothing else that it could be made of */
}

static void
push(struct change_queue *q, struct change *c)
{
	c->next = q->first;
	q->first = c;
	if (c->next == NULL)
		q->last = &c->next;
}

/* A change that stored something was made of what the store says. One that did not may have been refused for what
 * is true no more, or found nothing to do. */
static bool
is_to_be_made_again(const struct change *c, bool is_stored)
{
	if (c->is_late)
		return c->tries < TRIES;
	return !is_stored && c->server->claims != NULL && c->http != NULL && c->tries == 0 &&
		c->status < 500;
}

bool
change_make_again(struct change *c, bool is_stored, const struct store_port *store)
{
	struct change_queue *q = c->server->changes;
	struct change *reload = NULL;

	if (is_to_be_made_again(c, is_stored))
		reload = change_new_reload(c->server, NULL, reloaded, c);
	if (reload == NULL)
		return false;
	take_back(c);
	c->tries++;
	push(q, c);
	push(q, reload);
	change_begin_next(q, store);
	return true;
}

void
change_give_up(struct change *c, const struct store_port *store)
{
	if (c->is_late) {
		log_warn("api", "a change was not made, as other nodes were faster instance=%s",
			c->instance);
		keep_attached(c);
	}
	forget_attached(c, store);
}
