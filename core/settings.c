/* SPDX-License-Identifier: Apache-2.0 */
/* settings.c - see settings.h. Reading them at start, and the key: settings_load.c. */
#include "settings.h"

#include <stdlib.h>

#include "clock.h"
#include "err.h"
#include "record.h"
#include "settings_impl.h"

/* ---- one instance ---- */

static void
free_webhooks(struct webhook *w)
{
	while (w != NULL) {
		struct webhook *next = w->next;
		webhook_free(w);
		w = next;
	}
}

static void
entry_free(struct instance_settings *i)
{
	if (i == NULL)
		return;
	free_webhooks(i->webhooks);
	instance_unref(i->instance);
	free(i->sealed_token);
	free(i);
}

void
settings_tell_raw(const struct instance_settings *i)
{
	unsigned types = 0;

	for (const struct webhook *w = i->webhooks; w != NULL; w = w->next)
		types |= webhook_raw_types(w);
	atomic_store(&i->instance->raw_types, types);
}

static void
link_webhook(struct instance_settings *i, struct webhook *w)
{
	struct webhook **at = &i->webhooks;

	while (*at != NULL && strcmp((*at)->label, w->label) < 0)
		at = &(*at)->next;
	if (*at != NULL && strcmp((*at)->label, w->label) == 0) {
		struct webhook *before = *at;
		*at = before->next;
		webhook_free(before);
	}
	w->next = *at;
	*at = w;
	settings_tell_raw(i);
}

static int
by_name(const struct instance_settings *a, const struct instance_settings *b)
{
	return strcmp(a->instance->name.s, b->instance->name.s);
}

static struct websocket_setting
setting_of(const struct instance_settings *i)
{
	const struct websocket *w = &i->websocket;

	return (struct websocket_setting){ w->enabled, w->media_base64,
		event_list_bits(&w->events) };
}

int
settings_publish(struct settings *s, const struct instance_settings *i)
{
	const struct websocket_setting setting = setting_of(i);

	return catalog_put(s->catalog, i->instance, &setting);
}

int
settings_publish_all(struct settings *s)
{
	size_t n = 0, max = HASH_COUNT(s->instances);
	struct catalog_entry *entries = calloc(max + 1, sizeof(entries[0]));

	if (entries == NULL)
		return HSW_ENOMEM;
	HASH_SORT(s->instances, by_name);
	for (const struct instance_settings *i = s->instances; i != NULL; i = i->hh.next)
		entries[n++] = (struct catalog_entry){ i->instance, setting_of(i) };
	int rc = catalog_replace(s->catalog, entries, n);
	free(entries);
	return rc;
}

static bool
is_of_file(const struct instance_settings *i)
{
	return i->file != NULL;
}

/* Its own record, where it has one. */
static void
put_instance(struct settings *s, struct record_batch *b, struct instance_settings *i)
{
	struct buf text = BUF_INIT;

	if (is_of_file(i))
		return;
	record_print_instance(s->seal, i, &text);
	record_put(b, record_instance, i->instance->name, NULL, &text);
}

static void
put_webhook(struct settings *s, struct record_batch *b, const struct instance_settings *i,
	const struct webhook *w)
{
	struct buf text = BUF_INIT;

	record_print_webhook(s->seal, i->instance->name, w, &text);
	record_put(b, record_webhook, i->instance->name, w->label, &text);
}

static void
put_websocket(struct record_batch *b, const struct instance_settings *i, const struct websocket *w)
{
	struct buf text = BUF_INIT;

	record_print_websocket(w, &text);
	record_put(b, record_websocket, i->instance->name, NULL, &text);
}

/* Every change follows the version that it was made of: another node may have made one since, which would be
 * overwritten, or which this one would have been refused for. */
static void
begin(struct settings *s, struct record_batch *b)
{
	record_batch_init(b);
	buf_free(&s->next_version);
	record_follow(b, str_of_buf(&s->version), &s->next_version);
}

static int
finish(struct settings *s, const struct store_port *store, struct record_batch *b,
	struct hsw_error *err)
{
	int rc = record_commit(b, store, err);

	if (rc != HSW_OK)
		return rc;
	buf_free(&s->version);
	s->version = s->next_version;
	s->next_version = (struct buf)BUF_INIT;
	s->n_changes++;
	return HSW_OK;
}

/* Commits a change of an instance; its time is put back where that fails. */
static int
commit(struct settings *s, const struct store_port *store, struct record_batch *b,
	struct instance_settings *i, struct hsw_error *err)
{
	int64_t before = i->updated_ms;

	i->updated_ms = is_of_file(i) ? 0 : clock_wall_ms();
	put_instance(s, b, i);
	int rc = finish(s, store, b, err);
	if (rc != HSW_OK)
		i->updated_ms = before;
	return rc;
}

/* ---- finding ---- */

struct instance_settings *
settings_find(struct settings *s, struct hsw_str name)
{
	struct instance_settings *i;

	HASH_FIND(hh, s->instances, name.s, name.len, i);
	return i;
}

struct webhook *
settings_find_webhook(const struct instance_settings *i, const char *label)
{
	struct webhook *w = i->webhooks;

	while (w != NULL && strcmp(w->label, label) != 0)
		w = w->next;
	return w;
}

size_t
settings_count_enabled(const struct instance_settings *i)
{
	size_t n = 0;

	for (const struct webhook *w = i->webhooks; w != NULL; w = w->next)
		n += webhook_is_on(w) && w->only == ONLY_ALL;
	return n;
}

void
settings_each(struct settings *s, void (*fn)(void *, struct instance_settings *), void *arg)
{
	HASH_SORT(s->instances, by_name);
	for (struct instance_settings *i = s->instances; i != NULL; i = i->hh.next)
		fn(arg, i);
}

/* ---- instances ---- */

static int
insert(struct settings *s, struct instance_settings *i)
{
	HASH_ADD_KEYPTR(hh, s->instances, i->instance->name.s, i->instance->name.len, i);
	return i->hh.tbl != NULL ? HSW_OK : HSW_ENOMEM;
}

/* Version 4, variant 1 (RFC 9562). */
static bool
make_id(char out[INSTANCE_ID_SIZE])
{
	unsigned char b[16];

	if (!seal_random(b, sizeof(b)))
		return false;
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	snprintf(out, INSTANCE_ID_SIZE,
		"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		b[15]);
	return true;
}

static struct instance_settings *
entry_new(struct hsw_str name, const char *token)
{
	struct instance_settings *i = calloc(1, sizeof(*i));
	char id[INSTANCE_ID_SIZE];

	if (i != NULL && make_id(id) && (i->instance = instance_new(name, id, token)) != NULL) {
		i->created_ms = clock_wall_ms();
		return i;
	}
	free(i);
	return NULL;
}

int
settings_add(struct settings *s, const struct store_port *store, struct hsw_str name,
	const char *token, struct webhook *webhook, const struct websocket *websocket,
	struct instance_settings **out, struct hsw_error *err)
{
	struct instance_settings *i = entry_new(name, token);
	struct record_batch b;

	if (i == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	begin(s, &b);
	settings_forget_strays(s, name, &b);
	if (webhook != NULL) {
		link_webhook(i, webhook);
		put_webhook(s, &b, i, webhook);
	}
	if (websocket != NULL) {
		i->websocket = *websocket;
		put_websocket(&b, i, websocket);
	}
	int rc = commit(s, store, &b, i, err);
	if (rc == HSW_OK)
		rc = settings_publish(s, i);
	if (rc == HSW_OK)
		rc = insert(s, i);
	if (rc != HSW_OK) {
		i->webhooks = NULL; /* the caller's */
		entry_free(i);
	}
	*out = rc == HSW_OK ? i : NULL;
	return rc;
}

int
settings_remove(struct settings *s, const struct store_port *store, struct instance_settings *i,
	struct hsw_error *err)
{
	const struct hsw_str name = i->instance->name;
	struct record_batch b;

	begin(s, &b);
	record_forget(&b, record_instance, name, NULL);
	record_forget(&b, record_websocket, name, NULL);
	record_forget(&b, record_state, name, NULL);
	for (const struct webhook *w = i->webhooks; w != NULL; w = w->next)
		record_forget(&b, record_webhook, name, w->label);
	int rc = finish(s, store, &b, err);
	if (rc != HSW_OK)
		return rc;
	if (catalog_remove(s->catalog, name) != HSW_OK)
		return err_set(err, HSW_ENOMEM, "out of memory");
	HASH_DEL(s->instances, i);
	entry_free(i);
	return HSW_OK;
}

static void
set_instance(struct instance_settings *i, struct instance *instance)
{
	i->instance = instance;
	i->hh.key = instance->name.s; /* the same name */
}

/* Workers read tokens without a lock, so another token is another object. */
int
settings_set_token(struct settings *s, const struct store_port *store, struct instance_settings *i,
	const char *token, struct hsw_error *err)
{
	struct instance *before = i->instance, *now = instance_new(before->name, before->id, token);
	struct record_batch b;

	if (now == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	instance_succeed(now, before);
	set_instance(i, now);
	settings_tell_raw(i);
	begin(s, &b);
	int rc = commit(s, store, &b, i, err);
	if (rc == HSW_OK && settings_publish(s, i) != HSW_OK)
		rc = err_set(err, HSW_ENOMEM, "out of memory");
	if (rc != HSW_OK) {
		set_instance(i, before);
		instance_unref(now);
		return rc;
	}
	instance_unref(before);
	free(i->sealed_token);
	i->sealed_token = NULL;
	return HSW_OK;
}

/* ---- webhooks and WebSockets ---- */

int
settings_put_webhook(struct settings *s, const struct store_port *store,
	struct instance_settings *i, struct webhook *w, struct hsw_error *err)
{
	struct record_batch b;

	begin(s, &b);
	put_webhook(s, &b, i, w);
	int rc = commit(s, store, &b, i, err);
	if (rc == HSW_OK)
		link_webhook(i, w);
	return rc;
}

int
settings_disable_webhook(struct settings *s, const struct store_port *store,
	struct instance_settings *i, struct webhook *w, const char *reason, struct hsw_error *err)
{
	char *before = w->disabled_reason, *now = reason != NULL ? strdup(reason) : NULL;
	struct record_batch b;

	if (reason != NULL && now == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	w->disabled_reason = now;
	begin(s, &b);
	put_webhook(s, &b, i, w);
	int rc = commit(s, store, &b, i, err);
	w->disabled_reason = rc == HSW_OK ? now : before;
	free(rc == HSW_OK ? before : now);
	return rc;
}

int
settings_remove_webhook(struct settings *s, const struct store_port *store,
	struct instance_settings *i, const char *label, struct hsw_error *err)
{
	struct webhook **at = &i->webhooks;
	struct record_batch b;

	begin(s, &b);
	record_forget(&b, record_webhook, i->instance->name, label);
	int rc = commit(s, store, &b, i, err);
	while (rc == HSW_OK && *at != NULL && strcmp((*at)->label, label) != 0)
		at = &(*at)->next;
	if (rc == HSW_OK && *at != NULL) {
		struct webhook *gone = *at;
		*at = gone->next;
		webhook_free(gone);
		settings_tell_raw(i);
	}
	return rc;
}

int
settings_put_websocket(struct settings *s, const struct store_port *store,
	struct instance_settings *i, const struct websocket *w, struct hsw_error *err)
{
	struct record_batch b;

	begin(s, &b);
	put_websocket(&b, i, w);
	int rc = commit(s, store, &b, i, err);
	if (rc != HSW_OK)
		return rc;
	i->websocket = *w;
	i->websocket.is_set = i->websocket.is_stored = true;
	return settings_publish(s, i) == HSW_OK ? HSW_OK
						: err_set(err, HSW_ENOMEM, "out of memory");
}

/* ---- all ---- */

/* As clients read it back. */
static void
read_conf(struct websocket *w, const struct instance_conf *conf)
{
	if (!conf->websocket)
		return;
	*w = (struct websocket){
		.is_set = true, .enabled = true, .media_base64 = conf->websocket_media_base64
	};
	if (conf->websocket_events == NULL)
		event_list_all(&w->events);
	else
		event_list_of(&w->events, conf->websocket_events);
}

/* The caller's reference. NULL: out of memory. */
static struct instance *
instance_of(const struct settings *s, const struct config_section *section)
{
	const struct hsw_str name = str_of(section->name);

	if (s->catalog == NULL)
		return instance_new(name, NULL, section->u.instance.token);
	struct instance *i = catalog_find_known(catalog_master(s->catalog), name);
	return i != NULL ? instance_ref(i) : NULL;
}

static int
add_of_file(struct settings *s, const struct config_section *section)
{
	struct instance_settings *i = calloc(1, sizeof(*i));

	if (i == NULL || (i->instance = instance_of(s, section)) == NULL) {
		free(i);
		return HSW_ENOMEM;
	}
	i->file = section->file;
	i->line = section->line;
	read_conf(&i->of_file, &section->u.instance);
	i->websocket = i->of_file;
	if (insert(s, i) == HSW_OK)
		return HSW_OK;
	entry_free(i);
	return HSW_ENOMEM;
}

int
settings_init(struct settings *s, const struct config *config, struct catalog *catalog)
{
	int rc = HSW_OK;

	s->config = config_ref(config);
	s->catalog = catalog;
	for (const struct config_section *i = config->instances; i != NULL && rc == HSW_OK;
		i = i->next)
		rc = add_of_file(s, i);
	return rc;
}

void
settings_fini(struct settings *s)
{
	struct instance_settings *i, *next;

	HASH_ITER(hh, s->instances, i, next)
	{
		HASH_DEL(s->instances, i);
		entry_free(i);
	}
	settings_free_strays(s);
	buf_free(&s->version);
	buf_free(&s->next_version);
	seal_free(s->seal);
	s->seal = NULL;
	config_unref(s->config);
	s->config = NULL;
}
