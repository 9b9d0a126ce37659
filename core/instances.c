/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instances.c - see instances.h.
 *
 * Who calls what from where: instances.h is the main thread's; done runs on the store thread, at the end of a change
 * that went through the queue of the API's, so that neither sees the other's half.
 */
#include "instances.h"

#include "err.h"
#include "log.h"

static void
done(struct change *c)
{
	struct instances *i = c->arg;

	i->rc = c->status >= 400 ? HSW_EIO : HSW_OK;
	i->error = c->error;
	i->kept_websockets = c->kept_websockets;
	c->kept_websockets = (struct buf)BUF_INIT;
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
	buf_free(&i->kept_websockets);
	atomic_store(&i->is_changing, true);
	if (change_reload(i->server, config, done, i) == HSW_OK)
		return;
	i->rc = err_set(&i->error, HSW_ENOMEM, "out of memory");
	log_error("config", "out of memory: the instances stay as they were");
	atomic_store(&i->is_changing, false);
}

bool
instances_are_changing(const struct instances *i)
{
	return atomic_load(&i->is_changing);
}

void
instances_fini(struct instances *i)
{
	buf_free(&i->kept_websockets);
}
