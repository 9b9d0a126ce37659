/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingress.c - see ingress.h.
 *
 * The order of checks: source 404, method 405, credential 401, instance 404 (only who has the source's
 * credential learns which instances exist), the source's own verification, translation, journal. The
 * answer is made while the envelopes are at hand and sent when the journal says that they are on disk.
 */
#include "ingress_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "clock.h"
#include "credential.h"
#include "err.h"
#include "place.h"
#include "ratelimit.h"

#define EVENT_LABEL_MAX 64 /* bytes of a provider's event name in metrics */

/* A request as sources see it. */
struct view {
	struct hsw_request request;
	const struct http_request *http;
	const struct ingress_env *env;
};

/* ---- paths ---- */

struct hsw_str
ingress_take_segment(struct hsw_str *path)
{
	const char *slash = memchr(path->s, '/', path->len);
	size_t len = slash != NULL ? (size_t)(slash - path->s) : path->len;
	struct hsw_str segment = { path->s, len };

	path->s += len;
	path->len -= len;
	return segment;
}

void
ingress_skip_slash(struct hsw_str *path)
{
	if (path->len > 0) {
		path->s++;
		path->len--;
	}
}

static const char unknown_instance[] = "Unknown instance";

/* ---- requests, as sources see them ---- */

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

/* What is known of LIDs is this instance's, not of another one that had the name. */
static struct hsw_str
who(const struct hsw_request *request)
{
	const struct view *view = request->daemon;
	const struct instance *i = catalog_find_known(view->env->catalog, request->instance);

	return i != NULL && i->id[0] != '\0' ? str_of(i->id) : request->instance;
}

static size_t
phone_of(const struct hsw_request *request, struct hsw_str lid, char *out, size_t size)
{
	const struct view *view = request->daemon;

	return identities_phone(view->env->identities, who(request), lid, out, size);
}

static void
learn(const struct hsw_request *request, struct hsw_str lid, struct hsw_str phone)
{
	const struct view *view = request->daemon;

	identities_learn(view->env->identities, view->env->port, who(request), lid, phone);
}

/* name: the instance's, which may not be made yet; empty: the events name theirs. */
static void
view_init(struct view *view, const struct ingress_env *env, const struct http_request *r,
	struct hsw_str name, struct hsw_str rest)
{
	bool remembers = env->identities != NULL;

	*view = (struct view){
		.request = { .size = sizeof(struct hsw_request),
			.method = r->method,
			.path = rest,
			.query = r->query,
			.instance = name,
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
challenge(struct ingress *in, struct source *source, struct hsw_str name, struct http_request *r,
	struct hsw_str rest)
{
	struct view view;
	struct hsw_reply reply = {
		.size = sizeof(reply), .status = 200, .content_type = "text/plain"
	};
	struct hsw_error err = { "the source could not answer it" };

	view_init(&view, &in->env, r, name, rest);
	int rc = source->ops->challenge(source->self, &view.request, &reply, &err);

	if (rc == HSW_OK)
		http_reply_type(r, reply.status, reply.content_type, "",
			(struct hsw_str){ reply.body, reply.len });
	else if (rc == HSW_EAUTH)
		ingress_refuse(source, r, 403, "", err.text);
	else
		ingress_refuse_result(in, source, r, rc, err.text);
}

/* Of one with a name only whoever may send makes it. NULL: there is none, and the request is answered. */
static struct instance *
find_or_refuse(struct ingress *in, struct source *source, struct hsw_str name, struct http_request *r)
{
	struct instance *instance = catalog_find(in->env.catalog, name);

	if (instance == NULL)
		ingress_refuse(source, r, 404, "", unknown_instance);
	return instance;
}

static void
translate(struct ingress *in, struct source *source, struct instance *instance, struct hsw_str name,
	struct http_request *r, struct hsw_str rest)
{
	struct view view;
	struct hsw_error err = { "the source could not read it" };
	int rc = HSW_OK;

	view_init(&view, &in->env, r, name, rest);
	if (source->ops->verify != NULL)
		rc = source->ops->verify(source->self, &view.request, &err);
	if (rc != HSW_OK) {
		ingress_refuse_result(in, source, r, rc, err.text);
		return;
	}
	if (instance == NULL && name.len > 0 &&
		(instance = find_or_refuse(in, source, name, r)) == NULL)
		return;
	if (instance != NULL)
		ingress_set_instance(&in->emit, instance);
	in->has_named = in->is_mixed = false;
	in->emit.origin.provider = str_of(source->section->plugin->info->name);
	in->emit.origin.received_ms = view.request.received_ms;
	in->emit.arg = source;
	in->body = r->body;
	in->content_type = http_header(r, "content-type");
	in->instance = instance;
	rc = source->ops->translate(
		source->self, &view.request, ingress_take_event, &in->emit, &err);
	if (rc == HSW_OK) {
		emit_finish(&in->emit);
		ingress_store(in, source, instance, r);
	} else {
		ingress_refuse_result(in, source, r, rc, err.text);
	}
	status_order_take_back(in->env.statuses, &in->marks); /* unless they wait for the store */
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
		ingress_refuse(source, r, 401, "", auth_message(auth));
	else if (is_challenge)
		challenge(in, source, (struct hsw_str){ "", 0 }, r, rest);
	else
		translate(in, source, NULL, (struct hsw_str){ "", 0 }, r, rest);
}

/* false: it was answered. */
static bool
take_rate(struct ingress *in, struct source *source, struct http_request *r)
{
	struct ratelimit_state state;
	char headers[RATELIMIT_HEADERS_SIZE];
	int64_t now = clock_wall_ms();
	uint64_t key = str_hash(address_hash(&r->client.address), str_of(source->section->name));

	if (r->is_control || ratelimit_take(in->env.rate, key, now, &state))
		return true;
	ratelimit_print(&state, false, now, headers);
	ingress_refuse(source, r, 429, headers, "Rate limit exceeded. Try again later.");
	return false;
}

void
ingress_handle(struct ingress *in, struct http_request *r)
{
	struct hsw_str rest = { r->path.s + sizeof(INGRESS_PREFIX) - 1,
		r->path.len - (sizeof(INGRESS_PREFIX) - 1) };
	struct source *source = find_source(in, ingress_take_segment(&rest));

	if (source == NULL) {
		http_reply_error(r, 404, "", "Unknown source");
		return;
	}
	if (!take_rate(in, source, r))
		return;
	bool is_challenge = source->ops->challenge != NULL && str_is(r->method, "GET");
	if (!is_challenge && !str_is(r->method, "POST")) {
		ingress_refuse(source, r, 405, "Allow: POST\r\n", "Only POST is taken here");
		return;
	}
	if (source->is_by_event) {
		handle_by_event(in, source, r, rest, is_challenge);
		return;
	}
	ingress_skip_slash(&rest);
	struct hsw_str name = ingress_take_segment(&rest);
	struct instance *instance = catalog_find_known(in->env.catalog, name);
	enum auth auth = is_challenge
		? AUTH_OK
		: credential_check(r, &source->section->u.source, instance, &rest, &in->path);
	if (auth != AUTH_OK) {
		ingress_refuse(source, r, 401, "", auth_message(auth));
		return;
	}
	if (instance == NULL && !catalog_may_make(in->env.catalog, name))
		ingress_refuse(source, r, 404, "", unknown_instance);
	else if (is_challenge)
		challenge(in, source, name, r, rest);
	else
		translate(in, source, instance, name, r, rest);
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
