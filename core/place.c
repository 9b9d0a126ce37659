/* SPDX-License-Identifier: Apache-2.0 */
/* place.c - see place.h. */
#include "place.h"

#include <hookswitch/source.h>

#include "err.h"
#include "log.h"

/* What the log has named, of all workers: a number that nobody added comes again and again. */
static struct {
	pthread_mutex_t lock;
	size_t n;
	uint64_t hashes[PLACE_TOLD_MAX]; /* of source and name */
} told = { .lock = PTHREAD_MUTEX_INITIALIZER };

bool
place_is_by_event(const struct hsw_source_ops *ops, void *self)
{
	return ops->names_instances != NULL && ops->names_instances(self) != 0;
}

int
place_check(const struct config_section *section, const struct hsw_source_ops *ops, void *self,
	struct hsw_error *err)
{
	if (!place_is_by_event(ops, self))
		return HSW_OK;
	if (section->u.source.instance_token)
		return err_set(err, HSW_EINVAL,
			"instance_token = yes: the events name their instances, so a request is of "
			"none; use `token`");
	if (section->u.source.unmapped == UNMAPPED_RAW)
		return err_set(err, HSW_EINVAL,
			"unmapped = raw: the events name their instances, and a request's body may "
			"hold those of several");
	return HSW_OK;
}

static bool
is_news(const char *source, struct hsw_str name)
{
	uint64_t hash = str_hash(str_hash(HASH_START, str_of(source)), (struct hsw_str){ "", 1 });
	size_t i = 0;

	hash = str_hash(hash, name);
	pthread_mutex_lock(&told.lock);
	while (i < told.n && told.hashes[i] != hash)
		i++;
	bool is_new = i == told.n && i < PLACE_TOLD_MAX;
	if (is_new)
		told.hashes[told.n++] = hash;
	pthread_mutex_unlock(&told.lock);
	return is_new;
}

struct instance *
place_find(const struct catalog_view *v, const struct config_section *source, struct hsw_str name)
{
	struct instance *instance = catalog_find(v, name);

	if (instance != NULL || !is_news(source->name, name))
		return instance;
	if (name.len == 0)
		log_warn(
			"ingress", "events ignored source=%s: they name no instance", source->name);
	else if (!config_name_is_valid(name))
		log_warn("ingress", "events ignored source=%s: what they name can be no instance",
			source->name);
	else
		log_warn("ingress", "events ignored source=%s instance=%.*s: unknown instance",
			source->name, (int)name.len, name.s);
	return NULL;
}
