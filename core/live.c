/* SPDX-License-Identifier: Apache-2.0 */
/* live.c - see live.h. */
#include "live.h"

#include <stdlib.h>
#include <unistd.h>

#include "err.h"

struct live {
	struct live_env env;
	const struct config *config; /* whose options the sink has; a reference */
	const struct hsw_sink_ops *ops;
	struct hsw_handle *handle;
	void *self; /* the sink's */
	size_t clients;
	bool is_draining;
	struct metric *gauge; /* of all workers */
};

static void
live_free(struct live *live)
{
	host_handle_free(live->handle);
	config_unref(live->config);
	free(live);
}

int
live_open(const struct live_env *env, struct live **out, struct hsw_error *err)
{
	const struct plugin *plugin = env->config->websocket_plugin;
	struct hsw_error why = { "" };

	*out = NULL;
	if (plugin == NULL)
		return HSW_OK;
	struct live *live = calloc(1, sizeof(*live));
	if (live == NULL ||
		(live->handle = host_handle_new("sink websocket", &env->thread)) == NULL) {
		free(live);
		return err_set(err, HSW_ENOMEM, "out of memory");
	}
	live->env = *env;
	live->config = config_ref(env->config);
	live->ops = &plugin->ops.sink;
	live->gauge = metric_get("hookswitch_websocket_clients", NULL, 0);
	int rc = live->ops->open(host_functions(), live->handle, env->config->websocket_plugin_conf,
		&live->self, &why);
	if (rc == HSW_OK) {
		*out = live;
		return HSW_OK;
	}
	live_free(live);
	return err_set(err, rc, "[websocket]: %s", why.text);
}

int
live_configure(struct live *live, const struct config *config, struct hsw_error *err)
{
	if (live == NULL || live->ops->configure == NULL ||
		config->websocket_plugin != live->config->websocket_plugin)
		return HSW_OK;
	int rc = live->ops->configure(live->self, config->websocket_plugin_conf, err);
	if (rc != HSW_OK)
		return rc;
	config_unref(live->config);
	live->config = config_ref(config);
	return HSW_OK;
}

static void
feed_one(struct live *live, const struct hsw_envelope *e)
{
	struct websocket_setting s;
	const struct instance *i = catalog_find_websocket(live->env.catalog, e->instance, &s);

	if (i == NULL || !s.enabled || (s.events & 1u << e->type) == 0 || e->is_damaged)
		return;
	/* What was accepted for another instance of that name, which was deleted, is not for these. */
	if (!str_equal(e->token, i->token_json))
		return;
	/* The clients brought the token, or one that is worth more. */
	live->ops->broadcast(
		live->self, e, HSW_TOKEN | HSW_CODES | (s.media_base64 ? (unsigned)HSW_MEDIA : 0));
}

void
live_feed(struct live *live, struct hsw_envelope *const *envelopes, size_t n)
{
	if (live == NULL || live->clients == 0)
		return;
	for (size_t i = 0; i < n; i++)
		feed_one(live, envelopes[i]);
}

bool
live_is_open(const struct live *live)
{
	return live != NULL && !live->is_draining;
}

void
live_expect(struct live *live)
{
	live->clients++;
	metric_add(live->gauge, 1);
	atomic_fetch_add(live->env.readers, 1);
}

void
live_release(struct live *live)
{
	live->clients--;
	metric_add(live->gauge, -1);
	atomic_fetch_sub(live->env.readers, 1);
	live->env.released(live->env.arg);
}

static void
on_released(void *token)
{
	live_release(token);
}

int
live_adopt(struct live *live, struct hsw_conn *conn)
{
	conn->size = sizeof(*conn);
	conn->released = on_released;
	conn->token = live;
	int rc = live->ops->adopt(live->self, conn);
	if (rc == HSW_OK)
		return HSW_OK;
	close(conn->fd);
	live_release(live);
	return rc;
}

void
live_dismiss(struct live *live, struct hsw_str instance, const char *reason)
{
	if (live == NULL)
		return;
	if (live->ops->expel != NULL)
		live->ops->expel(live->self, instance, 0, reason);
	else if (live->ops->dismiss != NULL)
		live->ops->dismiss(live->self, instance);
}

static void
dismiss_one(void *arg, const struct instance *i)
{
	live_dismiss(arg, i->name, "");
}

/* A sink that cannot tell who came with what sends everybody away: whoever may come, comes again. */
void
live_dismiss_account(struct live *live, const char *reason)
{
	static const struct hsw_str every = { NULL, 0 };

	if (live == NULL)
		return;
	if (live->ops->expel != NULL)
		live->ops->expel(live->self, every, HSW_CONN_ACCOUNT, reason);
	else
		catalog_each(live->env.catalog, dismiss_one, live);
}

void
live_drain(struct live *live)
{
	if (live == NULL)
		return;
	live->is_draining = true;
	if (live->ops->drain != NULL)
		live->ops->drain(live->self);
}

bool
live_is_idle(const struct live *live)
{
	return live == NULL || live->clients == 0;
}

void
live_close(struct live *live)
{
	if (live == NULL)
		return;
	live->ops->close(live->self);
	live_free(live);
}
