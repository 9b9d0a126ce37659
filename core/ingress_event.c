/* SPDX-License-Identifier: Apache-2.0 */
/* ingress_event.c - events on their way from the source to their envelopes, see ingress_impl.h. */
#include "ingress_impl.h"

#include <string.h>

#include "place.h"
#include "raw.h"
#include "router.h"
#include "status_order.h"

#define RAW_KEEP_BYTES (256 * 1024) /* of memory for raw bodies are kept for the next one */

static bool
is_raw_wanted(const struct ingress *in, enum event_type type)
{
	const unsigned bit = 1u << type;

	if (atomic_load_explicit(&in->instance->raw_types, memory_order_relaxed) & bit)
		return true;
	for (const struct config_section *s = in->env.config->sinks; s != NULL; s = s->next) {
		if ((router_parts(s) & HSW_RAW) && (router_types(s->u.sink.events) & bit) &&
			router_has_instance(&s->u.sink, in->instance->name))
			return true;
	}
	return false;
}

/* The first event of a request brings the body along, where somebody wants it. */
static int
emit(struct source *source, struct hsw_emit *e, const struct hsw_event *event)
{
	struct ingress *in = source->ingress;
	int type = event->type != NULL ? event_type_or_raw(str_of(event->type)) : -1;

	in->raw.len = 0;
	if (e->n == 0 && type >= 0 && !in->is_mixed && is_raw_wanted(in, (enum event_type)type)) {
		if (!raw_source(&in->raw, in->hasher, in->body, in->content_type)) {
			buf_free(&in->raw);
			return HSW_ENOMEM;
		}
		e->origin.raw = (struct hsw_str){ in->raw.data, in->raw.len };
	}
	int rc = emit_event(e, event);
	e->origin.raw = (struct hsw_str){ "", 0 };
	if (in->raw.len > RAW_KEEP_BYTES)
		buf_free(&in->raw);
	return rc;
}

/* Keeps an event without a canonical home as the provider sent it. Data is an object: another body is
 * put into one. */
static int
emit_raw(struct source *source, struct hsw_emit *e, const struct hsw_event *event)
{
	struct buf type = BUF_INIT, data = BUF_INIT;
	int rc = HSW_ENOMEM;

	raw_type(&type, event->provider_event);
	buf_append(&type, "", 1);
	buf_str(&data, "{\"body\":");
	size_t before = data.len;
	raw_json(&data, source->ingress->body);
	size_t start = !data.failed && data.data[before] == '{' ? before : 0;
	if (start == 0)
		buf_str(&data, "}");
	if (!type.failed && !data.failed) {
		const struct hsw_piece piece = { { data.data + start, data.len - start }, 0 };
		struct hsw_event raw = *event;
		raw.type = type.data;
		raw.identity = source->ingress->body;
		raw.key = (struct hsw_str){ "", 0 };
		raw.data = &piece;
		raw.pieces = 1;
		rc = emit(source, e, &raw);
	}
	buf_free(&type);
	buf_free(&data);
	return rc;
}

/* Whom memory of former events is of: not of another instance that had the name. */
static struct hsw_str
who(const struct envelope_origin *o)
{
	return o->instance_id.len > 0 ? o->instance_id : o->instance;
}

static bool
goes_backwards(const struct source *source, const struct hsw_emit *e, const struct hsw_event *event)
{
	return source->section->u.source.status_order == STATUS_MONOTONIC &&
		source->ingress->env.statuses != NULL &&
		strcmp(event->type, event_type_names[TYPE_MESSAGE_STATUS]) == 0 &&
		event->pieces == 1 &&
		status_order_is_backwards(source->ingress->env.statuses, &source->ingress->marks,
			who(&e->origin), event->data[0].bytes);
}

/* A body with something of another instance in it is nobody's. */
static void
note_name(struct ingress *in, struct hsw_emit *e, struct hsw_str name)
{
	uint64_t hash = str_hash(HASH_START, name);

	if (!in->has_named)
		in->named = hash;
	in->has_named = true;
	if (in->is_mixed || in->named == hash)
		return;
	in->is_mixed = true;
	if (e->n > 0)
		envelope_drop_raw(e->envelopes[0]);
}

void
ingress_set_instance(struct hsw_emit *e, const struct instance *instance)
{
	e->origin.instance = instance->name;
	e->origin.instance_id = str_of(instance->id);
	e->origin.token = instance->token_json;
}

/* Makes the event's own instance the one whose envelopes are made. false: there is none. */
static bool
place(struct source *source, struct hsw_emit *e, struct hsw_str name)
{
	struct ingress *in = source->ingress;
	const struct instance *instance = place_find(in->env.catalog, source->section, name);

	if (instance == NULL) {
		e->ignored++;
		e->on_ignored(
			source, str_of(name.len > 0 ? "instance-unknown" : "instance-missing"));
		return false;
	}
	in->instance = instance;
	ingress_set_instance(e, instance);
	return true;
}

int
ingress_take_event(struct hsw_emit *e, const struct hsw_event *event)
{
	struct source *source = e->arg;
	struct hsw_str name = emit_instance(event);

	if (!source->is_by_event && name.len > 0)
		return HSW_EINVAL;
	if (source->is_by_event) {
		note_name(source->ingress, e, name);
		if (event->type != NULL && !place(source, e, name))
			return HSW_OK;
	}
	if (event->type == NULL && source->section->u.source.unmapped == UNMAPPED_RAW)
		return emit_raw(source, e, event);
	if (event->type == NULL || !goes_backwards(source, e, event))
		return emit(source, e, event);
	e->ignored++;
	e->on_ignored(source, str_of("message.status-backwards"));
	return HSW_OK;
}
