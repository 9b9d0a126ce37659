/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingress.c - see ingress.h.
 *
 * The order of checks: source 404, method 405, credential 401, instance 404 (only who has the source's
 * credential learns which instances exist), the source's own verification, translation, journal. The
 * answer is made while the envelopes are at hand and sent when the journal says that they are on disk.
 */
#include "ingress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <json.h>

#include "auth.h"
#include "clock.h"
#include "credential.h"
#include "emit.h"
#include "err.h"
#include "log.h"
#include "place.h"
#include "ratelimit.h"
#include "raw.h"
#include "router.h"
#include "status_order.h"

#define PREFIX "/in/"
#define COMPLAIN_EVERY_MS 5000      /* one log line of refused requests a source */
#define RAW_KEEP_BYTES (256 * 1024) /* of memory for raw bodies are kept for the next one */
#define EVENT_LABEL_MAX 64          /* bytes of a provider's event name in metrics */

struct source {
	struct source *next;
	struct ingress *ingress;
	const struct config_section *section;
	const struct hsw_source_ops *ops;
	struct hsw_handle *handle;
	void *self;
	bool is_by_event; /* its events name their instances */
	struct metric *accepted, *refused, *duplicates, *unavailable;
	int64_t complain_at_ms;
	unsigned complaints; /* since the last line */
};

struct ingress {
	struct ingress_env env;
	struct source *sources;
	struct hsw_emit emit;
	struct hasher *hasher;
	struct buf base_url_json;
	struct buf path;     /* of a request without its credential */
	struct hsw_str body; /* of the request that is being translated */
	struct hsw_str content_type;
	const struct instance *instance; /* whose it is, or the event that is being taken */
	uint64_t named;                  /* hash of what its first event named */
	bool has_named, is_mixed;        /* its events named something; and not all the same */
	struct buf raw;                  /* the body as its first envelope has it */
	char retry_after[48];            /* header line of a 503 */
	size_t waiting;                  /* requests that wait for the store */
	bool is_retired;
};

/* A request as sources see it. */
struct view {
	struct hsw_request request;
	const struct http_request *http;
	const struct ingress_env *env;
};

/* A request that waits for the journal. */
struct waiting {
	struct ingress *ingress;
	struct http_request *http;
	struct source *source;
	struct instance *instance;       /* NULL: each event's own */
	struct hsw_envelope **envelopes; /* references, where instance is NULL */
	size_t events, ignored;
	struct buf ids; /* "...","..." */
};

/* ---- paths ---- */

/* The next segment of a path; what follows it, from its "/" on, stays in *path. */
static struct hsw_str
take_segment(struct hsw_str *path)
{
	const char *slash = memchr(path->s, '/', path->len);
	size_t len = slash != NULL ? (size_t)(slash - path->s) : path->len;
	struct hsw_str segment = { path->s, len };

	path->s += len;
	path->len -= len;
	return segment;
}

static void
skip_slash(struct hsw_str *path)
{
	if (path->len > 0) {
		path->s++;
		path->len--;
	}
}

/* ---- refusing ---- */

/* The instance of the path, for the log: what is no instance, and what follows it, may be a token. */
static const char *
known_instance(const struct ingress *in, const struct http_request *r)
{
	struct hsw_str path = { r->path.s + sizeof(PREFIX) - 1,
		r->path.len - (sizeof(PREFIX) - 1) };

	take_segment(&path);
	skip_slash(&path);
	const struct instance *instance = catalog_find_known(in->env.catalog, take_segment(&path));
	return instance != NULL ? instance->name.s : "?";
}

static void
complain(struct source *source, const struct http_request *r, int status, const char *why)
{
	int64_t now = clock_mono_ms();
	char client[ADDRESS_TEXT_SIZE];

	metric_add(source->refused, 1);
	source->complaints++;
	if (now < source->complain_at_ms)
		return;
	log_warn("ingress",
		"request refused source=%s client=%s instance=%s status=%d bytes=%zu refused=%u: "
		"%s",
		source->section->name, address_print(&r->client.address, client),
		known_instance(source->ingress, r), status, r->body.len, source->complaints, why);
	source->complaints = 0;
	source->complain_at_ms = now + COMPLAIN_EVERY_MS;
}

static void
refuse(struct source *source, struct http_request *r, int status, const char *extra,
	const char *why)
{
	complain(source, r, status, why);
	if (status == 503)
		metric_add(source->unavailable, 1);
	http_reply_error(r, status, extra, why);
}

static bool
has_json_type(const struct http_request *r)
{
	struct hsw_str type = http_header(r, "content-type");
	return type.s == NULL || memmem(type.s, type.len, "json", 4) != NULL;
}

/* A body that could not be read: when its Content-Type says that it is something else, that is why. */
static void
refuse_body(struct source *source, struct http_request *r, const char *why)
{
	char text[HSW_ERROR_SIZE + 160];

	if (has_json_type(r)) {
		refuse(source, r, 400, "", why);
		return;
	}
	struct hsw_str type = http_header(r, "content-type");
	snprintf(text, sizeof(text), "Content-Type %.*s is not what this source reads: %s",
		type.len < 100 ? (int)type.len : 100, type.s, why);
	refuse(source, r, 415, "", text);
}

static void
refuse_result(
	struct ingress *in, struct source *source, struct http_request *r, int rc, const char *why)
{
	switch ((enum hsw_err)rc) {
	case HSW_EINVAL:
		refuse_body(source, r, why);
		return;
	case HSW_EUNPROCESSABLE:
		refuse(source, r, 422, "", why);
		return;
	case HSW_EAUTH:
		refuse(source, r, 401, "", why);
		return;
	case HSW_ELIMIT:
	case HSW_EAGAIN:
	case HSW_ENOMEM:
	case HSW_ECLOSED:
	case HSW_EIO:
		refuse(source, r, 503, in->retry_after, why);
		return;
	case HSW_OK:
	case HSW_ENOTSUP:
	case HSW_ENOENT:
		refuse(source, r, 500, "", why);
		return;
	}
	refuse(source, r, 500, "", why);
}

/* ---- accepting ---- */

static void
reply_accepted(struct http_request *r, size_t accepted, size_t duplicates, size_t ignored,
	struct hsw_str ids)
{
	struct buf b = BUF_INIT;

	buf_str(&b, "{\"success\":true,\"accepted\":");
	buf_number(&b, accepted);
	if (duplicates > 0) {
		buf_str(&b, ",\"duplicates\":");
		buf_number(&b, duplicates);
	}
	buf_str(&b, ",\"ignored\":");
	buf_number(&b, ignored);
	buf_str(&b, ",\"ids\":[");
	buf_append(&b, ids.s, ids.len);
	buf_str(&b, "]}");
	/* What is stored must not be sent again for want of memory for its answer. */
	http_reply(r, 202, "", (struct hsw_str){ b.data, b.failed ? 0 : b.len });
	buf_free(&b);
}

static void
waiting_free(struct waiting *w)
{
	for (size_t i = 0; w->envelopes != NULL && i < w->events; i++)
		envelope_unref(w->envelopes[i]);
	free(w->envelopes);
	instance_unref(w->instance);
	buf_free(&w->ids);
	free(w);
}

static void
count_events(struct instance *instance, size_t accepted)
{
	metric_add(instance->events, (int64_t)accepted);
	atomic_store_explicit(&instance->last_event_ms, clock_wall_ms(), memory_order_relaxed);
}

/* Those that had come before got no seq. */
static void
count_each(const struct waiting *w)
{
	for (size_t i = 0; i < w->events; i++) {
		const struct hsw_envelope *e = w->envelopes[i];
		struct instance *instance = catalog_find(w->ingress->env.catalog, e->instance);
		if (instance != NULL)
			count_events(instance, e->seq != 0);
	}
}

static void
on_stored(void *arg, int rc, size_t duplicates)
{
	struct waiting *w = arg;
	struct ingress *in = w->ingress;

	if (rc == HSW_OK) {
		size_t accepted = w->events - duplicates;
		metric_add(w->source->accepted, (int64_t)accepted);
		metric_add(w->source->duplicates, (int64_t)duplicates);
		if (w->instance != NULL)
			count_events(w->instance, accepted);
		else
			count_each(w);
		reply_accepted(w->http, accepted, duplicates, w->ignored,
			(struct hsw_str){ w->ids.data, w->ids.len });
	} else {
		refuse(w->source, w->http, 503, w->ingress->retry_after,
			"The event could not be stored, try again later");
	}
	waiting_free(w);
	in->waiting--;
	if (in->is_retired && in->waiting == 0)
		ingress_close(in);
}

static void
write_ids(struct buf *b, const struct hsw_emit *emit)
{
	for (size_t i = 0; i < emit->n; i++) {
		buf_str(b, i == 0 ? "\"" : ",\"");
		buf_append(b, emit->envelopes[i]->id_text, ENVELOPE_ID_TEXT);
		buf_str(b, "\"");
	}
}

/* What an instance.state says of the instance is kept for people who ask. */
static void
note_state(struct instance *instance, const struct hsw_envelope *e)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *root = tokener != NULL
		? json_tokener_parse_ex(tokener, e->body.s, (int)e->body.len)
		: NULL;
	struct json_object *data = json_object_object_get(root, "data");
	struct json_object *state = json_object_object_get(data, "state");
	struct json_object *jid = json_object_object_get(data, "jid");

	if (json_object_is_type(state, json_type_string))
		instance_saw(instance, str_of(json_object_get_string(state)),
			str_of(json_object_is_type(jid, json_type_string)
					? json_object_get_string(jid)
					: NULL));
	json_object_put(root);
	json_tokener_free(tokener);
}

static void
note_states(const struct ingress *in, struct instance *instance, const struct hsw_emit *emit)
{
	for (size_t i = 0; i < emit->n; i++) {
		const struct hsw_envelope *e = emit->envelopes[i];
		if (e->type != TYPE_INSTANCE_STATE)
			continue;
		struct instance *of = instance != NULL ? instance
						       : catalog_find(in->env.catalog, e->instance);
		if (of != NULL)
			note_state(of, e);
	}
}

/* Whose events they are must be known when they are stored. */
static bool
keep_owners(struct waiting *w, struct instance *instance, const struct hsw_emit *emit)
{
	if (instance != NULL) {
		w->instance = instance_ref(instance);
		return true;
	}
	w->envelopes = calloc(emit->n, sizeof(struct hsw_envelope *));
	for (size_t i = 0; w->envelopes != NULL && i < emit->n; i++)
		w->envelopes[i] = envelope_ref(emit->envelopes[i]);
	return w->envelopes != NULL;
}

static void
store(struct ingress *in, struct source *source, struct instance *instance, struct http_request *r)
{
	struct hsw_emit *emit = &in->emit;
	struct waiting *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		refuse(source, r, 503, in->retry_after, "Out of memory");
		return;
	}
	write_ids(&w->ids, emit);
	w->ingress = in;
	w->http = r;
	w->source = source;
	w->events = emit->n;
	w->ignored = emit->ignored;
	if (emit->n == 0) {
		reply_accepted(r, 0, 0, emit->ignored, (struct hsw_str){ "", 0 });
	} else if (w->ids.failed || !keep_owners(w, instance, emit)) {
		refuse(source, r, 503, in->retry_after, "Out of memory");
	} else {
		note_states(in, instance, emit);
		int rc = journal_append(
			in->env.journal, in->env.port, emit->envelopes, emit->n, on_stored, w);
		emit->n = 0; /* the references are the journal's */
		if (rc == HSW_OK) {
			in->waiting++;
			return;
		}
		refuse(source, r, 503, in->retry_after,
			"Too many events wait to be stored, try again later");
	}
	waiting_free(w);
}

static struct hsw_str
get_header(const struct hsw_request *request, const char *name)
{
	const struct view *view = request->daemon;
	char lower[64];
	size_t i = 0;

	for (; name[i] != '\0' && i < sizeof(lower) - 1; i++)
		lower[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 32) : name[i];
	lower[i] = '\0';
	return http_header(view->http, lower);
}

/* ---- events on their way from the source ---- */

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
		status_order_is_backwards(
			source->ingress->env.statuses, who(&e->origin), event->data[0].bytes);
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

static void
set_instance(struct hsw_emit *e, const struct instance *instance)
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
	set_instance(e, instance);
	return true;
}

/* The function that translate is given. */
static int
take_event(struct hsw_emit *e, const struct hsw_event *event)
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

static size_t
phone_of(const struct hsw_request *request, struct hsw_str lid, char *out, size_t size)
{
	const struct view *view = request->daemon;

	return identities_phone(view->env->identities, request->instance, lid, out, size);
}

static void
learn(const struct hsw_request *request, struct hsw_str lid, struct hsw_str phone)
{
	const struct view *view = request->daemon;

	identities_learn(view->env->identities, view->env->port, request->instance, lid, phone);
}

/* instance: NULL: the events name theirs. */
static void
view_init(struct view *view, const struct ingress_env *env, const struct http_request *r,
	const struct instance *instance, struct hsw_str rest)
{
	bool remembers = env->identities != NULL;

	*view = (struct view){
		.request = { .size = sizeof(struct hsw_request),
			.method = r->method,
			.path = rest,
			.query = r->query,
			.instance = instance != NULL ? instance->name : (struct hsw_str){ "", 0 },
			.body = r->body,
			.received_ms = clock_wall_ms(),
			.header = get_header,
			.phone_of = remembers ? phone_of : NULL,
			.learn = remembers ? learn : NULL,
			.daemon = view },
		.http = r,
		.env = env,
	};
}

static void
challenge(struct ingress *in, struct source *source, struct instance *instance,
	struct http_request *r, struct hsw_str rest)
{
	struct view view;
	struct hsw_reply reply = {
		.size = sizeof(reply), .status = 200, .content_type = "text/plain"
	};
	struct hsw_error err = { "the source could not answer it" };

	view_init(&view, &in->env, r, instance, rest);
	int rc = source->ops->challenge(source->self, &view.request, &reply, &err);

	if (rc == HSW_OK)
		http_reply_type(r, reply.status, reply.content_type, "",
			(struct hsw_str){ reply.body, reply.len });
	else if (rc == HSW_EAUTH)
		refuse(source, r, 403, "", err.text);
	else
		refuse_result(in, source, r, rc, err.text);
}

static void
translate(struct ingress *in, struct source *source, struct instance *instance,
	struct http_request *r, struct hsw_str rest)
{
	struct view view;
	struct hsw_error err = { "the source could not read it" };
	int rc = HSW_OK;

	view_init(&view, &in->env, r, instance, rest);
	if (instance != NULL) {
		set_instance(&in->emit, instance);
	}
	in->has_named = in->is_mixed = false;
	in->emit.origin.provider = str_of(source->section->plugin->info->name);
	in->emit.origin.received_ms = view.request.received_ms;
	in->emit.arg = source;
	in->body = r->body;
	in->content_type = http_header(r, "content-type");
	in->instance = instance;
	if (source->ops->verify != NULL)
		rc = source->ops->verify(source->self, &view.request, &err);
	if (rc == HSW_OK)
		rc = source->ops->translate(
			source->self, &view.request, take_event, &in->emit, &err);
	if (rc == HSW_OK) {
		emit_finish(&in->emit);
		store(in, source, instance, r);
	} else {
		refuse_result(in, source, r, rc, err.text);
	}
	emit_reset(&in->emit);
}

/* ---- routing ---- */

static struct source *
find_source(struct ingress *in, struct hsw_str name)
{
	struct source *s = in->sources;

	while (s != NULL && !str_is(name, s->section->name))
		s = s->next;
	return s;
}

/* The path names no instance: all of it behind the source is the request's. */
static void
handle_by_event(struct ingress *in, struct source *source, struct http_request *r,
	struct hsw_str rest, bool is_challenge)
{
	enum auth auth = is_challenge
		? AUTH_OK
		: credential_check(r, &source->section->u.source, NULL, &rest, &in->path);

	if (auth != AUTH_OK)
		refuse(source, r, 401, "", auth_message(auth));
	else if (is_challenge)
		challenge(in, source, NULL, r, rest);
	else
		translate(in, source, NULL, r, rest);
}

/* false: it was answered. */
static bool
take_rate(struct ingress *in, struct source *source, struct http_request *r)
{
	struct ratelimit_state state;
	char retry_after[48];
	int64_t now = clock_wall_ms();
	uint64_t key = str_hash(address_hash(&r->client.address), str_of(source->section->name));

	if (r->is_control || ratelimit_take(in->env.rate, key, now, &state))
		return true;
	int64_t wait = state.reset_s - now / 1000;
	snprintf(retry_after, sizeof(retry_after), "Retry-After: %lld\r\n",
		(long long)(wait > 0 ? wait : 1));
	refuse(source, r, 429, retry_after, "Rate limit exceeded. Try again later.");
	return false;
}

void
ingress_handle(struct ingress *in, struct http_request *r)
{
	struct hsw_str rest = { r->path.s + sizeof(PREFIX) - 1,
		r->path.len - (sizeof(PREFIX) - 1) };
	struct source *source = find_source(in, take_segment(&rest));

	if (source == NULL) {
		http_reply_error(r, 404, "", "Unknown source");
		return;
	}
	if (!take_rate(in, source, r))
		return;
	bool is_challenge = source->ops->challenge != NULL && str_is(r->method, "GET");
	if (!is_challenge && !str_is(r->method, "POST")) {
		refuse(source, r, 405, "Allow: POST\r\n", "Only POST is taken here");
		return;
	}
	if (source->is_by_event) {
		handle_by_event(in, source, r, rest, is_challenge);
		return;
	}
	skip_slash(&rest);
	struct hsw_str name = take_segment(&rest);
	struct instance *instance = catalog_find_known(in->env.catalog, name);
	enum auth auth = is_challenge
		? AUTH_OK
		: credential_check(r, &source->section->u.source, instance, &rest, &in->path);
	if (auth != AUTH_OK) {
		refuse(source, r, 401, "", auth_message(auth));
		return;
	}
	if (instance == NULL) /* only now: it may be made */
		instance = catalog_find(in->env.catalog, name);
	if (instance == NULL)
		refuse(source, r, 404, "", "Unknown instance");
	else if (is_challenge)
		challenge(in, source, instance, r, rest);
	else
		translate(in, source, instance, r, rest);
}

/* ---- opening ---- */

/* Providers' names are not ours: only plain short ones become labels. */
static void
on_ignored(void *arg, struct hsw_str name)
{
	const struct source *source = arg;
	bool is_plain = name.len > 0 && name.len <= EVENT_LABEL_MAX;

	for (size_t i = 0; i < name.len && is_plain; i++)
		is_plain = (name.s[i] >= '-' && name.s[i] <= 'z') && name.s[i] != '\\';
	const struct metric_label labels[] = { { "source", str_of(source->section->name) },
		{ "event", is_plain ? name : str_of("other") } };
	metric_add(metric_get("hookswitch_ignored_events_total", labels, 2), 1);
}

static int
source_open(struct ingress *in, const struct config_section *section, struct hsw_error *err)
{
	struct source *s = calloc(1, sizeof(*s));
	struct hsw_error why = { "out of memory" };
	const struct metric_label label = { "source", str_of(section->name) };
	char who[CONFIG_NAME_MAX + 8];
	int rc = HSW_ENOMEM;

	if (s == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	snprintf(who, sizeof(who), "source %s", section->name);
	s->ingress = in;
	s->section = section;
	s->ops = &section->plugin->ops.source;
	s->accepted = metric_get("hookswitch_accepted_events_total", &label, 1);
	s->duplicates = metric_get("hookswitch_duplicate_events_total", &label, 1);
	s->refused = metric_get("hookswitch_refused_requests_total", &label, 1);
	s->unavailable = metric_get("hookswitch_unavailable_requests_total", &label, 1);
	s->handle = host_handle_new(who, &in->env.thread);
	if (s->handle != NULL)
		rc = s->ops->open(host_functions(), s->handle, section->conf, &s->self, &why);
	if (rc == HSW_OK && (rc = place_check(section, s->ops, s->self, &why)) != HSW_OK)
		s->ops->close(s->self);
	if (rc == HSW_OK) {
		s->is_by_event = place_is_by_event(s->ops, s->self);
		s->next = in->sources;
		in->sources = s;
		return HSW_OK;
	}
	host_handle_free(s->handle);
	free(s);
	return err_set(err, rc, "%s:%d: [source %s]: %s", section->file, section->line,
		section->name, why.text);
}

struct ingress *
ingress_open(const struct ingress_env *env, struct hsw_error *err)
{
	struct ingress *in = calloc(1, sizeof(*in));
	int rc = HSW_OK;

	if (in == NULL || (in->hasher = hasher_new()) == NULL) {
		free(in);
		err_set(err, HSW_ENOMEM, "out of memory");
		return NULL;
	}
	in->env = *env;
	config_ref(env->config);
	buf_json_cstr(&in->base_url_json, env->config->server.base_url);
	snprintf(in->retry_after, sizeof(in->retry_after), "Retry-After: %" PRId64 "\r\n",
		(env->config->ingest.retry_after_ms + 999) / 1000);
	in->emit.origin.base_url_json = (struct hsw_str){ in->base_url_json.data,
		in->base_url_json.len };
	in->emit.origin.hasher = in->hasher;
	in->emit.on_ignored = on_ignored;
	for (const struct config_section *s = env->config->sources; s != NULL && rc == HSW_OK;
		s = s->next)
		rc = source_open(in, s, err);
	if (rc == HSW_OK)
		return in;
	ingress_close(in);
	return NULL;
}

void
ingress_retire(struct ingress *in)
{
	in->is_retired = true;
	if (in->waiting == 0)
		ingress_close(in);
}

void
ingress_close(struct ingress *in)
{
	if (in == NULL)
		return;
	while (in->sources != NULL) {
		struct source *s = in->sources;
		in->sources = s->next;
		s->ops->close(s->self);
		host_handle_free(s->handle);
		free(s);
	}
	emit_free(&in->emit);
	hasher_free(in->hasher);
	buf_free(&in->base_url_json);
	buf_free(&in->path);
	config_unref(in->env.config);
	buf_free(&in->raw);
	free(in);
}
