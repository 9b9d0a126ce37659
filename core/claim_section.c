/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim_section.c - which section a destination is opened with: the current one; while that one cannot be opened
 * the one that was open before, so that a reload with a mistake in it stops no sink. Store thread.
 */
#include "claim_impl.h"

#include <stdlib.h>

#include "clock.h"
#include "log.h"

#define OPEN_AGAIN_MS 5000 /* one that could not be opened */

static void
set_config(const struct config **at, const struct config *c)
{
	if (c != NULL)
		config_ref(c);
	config_unref(*at);
	*at = c;
}

bool
claim_is_ours(const struct claim_entry *e)
{
	return e->is_known && e->claim == HSW_CLAIM_HELD;
}

static bool
find_webhook(struct claim_entry *e, struct hsw_error *err)
{
	struct server *s = e->claims->server;
	const char *slash = strchr(e->name, '/');
	const struct hsw_str name = { e->name, slash != NULL ? (size_t)(slash - e->name) : 0 };
	struct instance_settings *i = slash != NULL ? settings_find(s->settings, name) : NULL;
	const struct webhook *w = i != NULL ? settings_find_webhook(i, slash + 1) : NULL;

	if (w == NULL || !w->enabled)
		return false;
	e->owned = webhook_section_new(&s->webhook_sink, name, w, err);
	if (e->owned == NULL) {
		log_error(
			"api", "a webhook cannot be opened destination=%s: %s", e->name, err->text);
		return false;
	}
	e->section = &e->owned->section;
	return true;
}

bool
claim_find_section(struct claim_entry *e)
{
	const struct config *c = e->is_good_wanted ? e->good : e->claims->config;
	struct hsw_error err = { "" };

	e->section = config_find_sink(c, e->name);
	set_config(&e->config, e->section != NULL ? c : NULL);
	if (e->section != NULL || find_webhook(e, &err))
		return true;
	e->not_before_ms = clock_mono_ms() + OPEN_AGAIN_MS;
	return false;
}

void
claim_note_open(struct claim_entry *e)
{
	if (e->is_good_wanted)
		log_error("config", "the sink stays as it was: %s", e->name);
	else if (e->config != NULL && e->good != e->config &&
		e->config != e->claims->server->config)
		log_info("config", "the sink is in use sink=%s", e->name);
	set_config(&e->good, e->config);
}

/* A section that cannot be opened gives way to the one before it, until the next reload. */
void
claim_note_failure(struct claim_entry *e)
{
	bool has_other = e->config != NULL && e->good != NULL && e->good != e->config;

	e->is_good_wanted = has_other;
	if (has_other)
		return;
	set_config(&e->good, NULL);
	e->not_before_ms = clock_mono_ms() + OPEN_AGAIN_MS;
}

void
claim_note_closed(struct claim_entry *e)
{
	if (claim_is_ours(e))
		return;
	if (e->config != NULL && config_find_sink(e->claims->config, e->name) == NULL)
		log_info("config", "the sink is closed sink=%s", e->name);
	else
		log_info("router", "handed over destination=%s", e->name);
	set_config(&e->good, NULL);
	e->is_good_wanted = false;
}
