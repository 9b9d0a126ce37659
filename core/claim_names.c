/* SPDX-License-Identifier: Apache-2.0 */
/* claim_names.c - see claim_names.h. */
#include "claim_names.h"

#include <stdio.h>
#include <stdlib.h>

static void
add_name(struct claim_names *l, struct hsw_str name)
{
	if (l->n == l->cap) {
		size_t cap = l->cap != 0 ? 2 * l->cap : 64;
		struct hsw_str *grown = realloc(l->list, cap * sizeof(*grown));
		l->failed |= grown == NULL;
		if (grown == NULL)
			return;
		l->list = grown;
		l->cap = cap;
	}
	buf_append(&l->memory, name.s, name.len);
	l->list[l->n++].len = name.len;
}

static void
add_webhooks(void *arg, struct instance_settings *i)
{
	char name[CONFIG_NAME_MAX + WEBHOOK_LABEL_MAX + 2];

	for (const struct webhook *w = i->webhooks; w != NULL; w = w->next) {
		snprintf(name, sizeof(name), "%s/%s", i->instance->name.s, w->label);
		if (w->enabled)
			add_name(arg, str_of(name));
	}
}

int
claim_names_collect(struct claim_names *l, const struct config *config, struct settings *settings)
{
	for (const struct config_section *s = config->sinks; s != NULL; s = s->next)
		add_name(l, str_of(s->name));
	settings_each(settings, add_webhooks, l);
	const char *at = l->memory.data;
	for (size_t i = 0; i < l->n && !l->memory.failed; i++) {
		l->list[i].s = at;
		at += l->list[i].len;
	}
	return l->failed || l->memory.failed ? HSW_ENOMEM : HSW_OK;
}

void
claim_names_free(struct claim_names *l)
{
	buf_free(&l->memory);
	free(l->list);
}
