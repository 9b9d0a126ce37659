/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cloudapi.c - source-cloudapi: webhooks of Meta's WhatsApp Cloud API, and of those who pass them on (360dialog).
 *
 *   {object, entry: [{id, time?, changes: [{field, value}]}]}
 *
 * What a change holds is told by the lists in its value, its field is the event's name. An entry may hold many
 * changes, and a list many elements; each becomes its own event, in order.
 */
#include "cloudapi.h"

#include <stdio.h>
#include <string.h>

#include "handle.h"
#include "secret.h"
#include "signature.h"

struct conf {
	const char *app_secret, *verify_token;
	bool history;
	int instance_from;
	const char **numbers;
};

enum instance_from { FROM_URL, FROM_PHONE_NUMBER_ID };

static const char *const instance_sources[] = { "url", "phone_number_id", NULL };

static const struct hsw_option options[] = {
	{ .key = "app_secret",
		.type = HSW_OPT_SECRET,
		.offset = offsetof(struct conf, app_secret),
		.help = "The app's secret, with which Meta signs: requests without a good "
			"X-Hub-Signature-256 are refused with 401. Without it: it is not looked "
			"at." },
	{ .key = "verify_token",
		.type = HSW_OPT_SECRET,
		.offset = offsetof(struct conf, verify_token),
		.help = "The token that Meta shows when the address is entered there. Without it: "
			"that request is refused." },
	{ .key = "history",
		.type = HSW_OPT_BOOL,
		.offset = offsetof(struct conf, history),
		.def = "no",
		.help = "Make events of the old messages that a phone hands over when it is linked "
			"(history)." },
	{ .key = "instance_from",
		.type = HSW_OPT_ENUM,
		.offset = offsetof(struct conf, instance_from),
		.def = "url",
		.choices = instance_sources,
		.help = "url: the instance is the one in the URL. phone_number_id: the numbers of "
			"an app all post to /in/<source>, and each event's instance is the one of "
			"its metadata.phone_number_id." },
	{ .key = "numbers",
		.type = HSW_OPT_LIST,
		.offset = offsetof(struct conf, numbers),
		.help = "Which instance a phone number id is of, with instance_from = "
			"phone_number_id: 106540352242922: sales, 106540352242923: support. "
			"Others are of the instance that is called like the id." },
	{ .key = NULL },
};

/* ---- what the translators use ---- */

int
cloudapi_emit(struct translation *t)
{
	return canon_emit(t->canon, t->event, t->emit, t->out);
}

int
cloudapi_ignore(struct translation *t)
{
	return canon_ignore(t->canon, t->event, t->emit, t->out);
}

/* ---- changes ---- */

static const struct list {
	const char *name;
	int (*translate)(struct translation *, struct json_object *);
} lists[] = {
	{ "messages", cloudapi_message },
	{ "message_echoes", cloudapi_echo },
	{ "history", cloudapi_history },
	{ "statuses", cloudapi_status },
	{ "calls", cloudapi_call },
	{ "groups", cloudapi_groups },
};

#define N_LISTS (sizeof(lists) / sizeof(lists[0]))

/* The change's field; where that is missing, the first list's name. */
static struct hsw_str
name_of(struct hsw_str field, struct json_object *value)
{
	struct hsw_str name = field;

	for (size_t i = 0; i < N_LISTS && name.len == 0; i++) {
		if (cj_array(value, lists[i].name) != NULL)
			name = (struct hsw_str){ lists[i].name, strlen(lists[i].name) };
	}
	return name.len > 0 ? name : (struct hsw_str){ "changes", 7 };
}

static int
translate_list(struct translation *t, const struct list *list, struct json_object *elements)
{
	int rc = HSW_OK;

	for (size_t i = 0; i < cj_length(elements) && rc == HSW_OK; i++)
		rc = list->translate(t, cj_at(elements, i));
	return rc;
}

static int
translate_change(struct translation *t, struct hsw_str field, struct json_object *value)
{
	struct json_object *metadata = cj_object(value, "metadata");
	bool is_empty = true;

	t->event = name_of(field, value);
	int rc = cloudapi_contacts(t, cj_array(value, "contacts"));
	t->own = (struct hsw_party){ .type = HSW_JID_NONE };
	canon_party_add(&t->own, cj_literal(metadata, "display_phone_number"));
	t->own_id = cj_literal(metadata, "phone_number_id");
	if (t->is_by_number)
		canon_instance(t->canon, numbers_instance(t->numbers, t->own_id));
	for (size_t i = 0; i < N_LISTS && rc == HSW_OK; i++) {
		struct json_object *elements = cj_array(value, lists[i].name);
		is_empty &= cj_length(elements) == 0;
		rc = translate_list(t, &lists[i], elements);
	}
	return rc == HSW_OK && is_empty ? cloudapi_ignore(t) : rc;
}

static int
translate_entry(struct translation *t, struct json_object *entry)
{
	struct json_object *changes = cj_array(entry, "changes");
	int rc = HSW_OK;

	if (t->is_by_number)
		canon_instance(t->canon, (struct hsw_str){ "", 0 });
	if (changes == NULL)
		return canon_ignore(t->canon, (struct hsw_str){ "entry", 5 }, t->emit, t->out);
	for (size_t i = 0; i < cj_length(changes) && rc == HSW_OK; i++) {
		struct json_object *change = cj_at(changes, i);
		rc = translate_change(t, cj_string(change, "field"), cj_object(change, "value"));
	}
	return rc;
}

static int
refuse_entry(struct json_object *entry, struct hsw_error *err)
{
	if (entry == NULL)
		snprintf(err->text, sizeof(err->text), "entry: is missing, expected an array");
	else
		snprintf(err->text, sizeof(err->text), "entry: expected an array, found %s",
			json_type_to_name(json_object_get_type(entry)));
	return HSW_EINVAL;
}

static bool
has_list(struct json_object *value)
{
	for (size_t i = 0; i < N_LISTS; i++) {
		if (cj_array(value, lists[i].name) != NULL)
			return true;
	}
	return false;
}

/* 360dialog also sends a value alone, and to partners {event, data}: the change's field and value. */
static int
translate_body(struct translation *t, struct json_object *body, struct hsw_error *err)
{
	struct json_object *entries = cj_array(body, "entry"), *data = cj_object(body, "data");
	int rc = HSW_OK;

	if (entries == NULL && has_list(body))
		return translate_change(t, cj_string(body, "field"), body);
	if (entries == NULL && data != NULL && cj_string(body, "event").len > 0)
		return translate_change(t, cj_string(body, "event"), data);
	if (entries == NULL)
		return refuse_entry(cj_get(body, "entry"), err);
	for (size_t i = 0; i < cj_length(entries) && rc == HSW_OK; i++)
		rc = translate_entry(t, cj_at(entries, i));
	return rc;
}

/* ---- the source ---- */

static int
source_open(const struct hsw_host *host, struct hsw_handle *of, const void *config, void **self,
	struct hsw_error *err)
{
	const struct conf *conf = config;

	if (conf->numbers != NULL && conf->instance_from != FROM_PHONE_NUMBER_ID) {
		snprintf(err->text, sizeof(err->text),
			"numbers: needs instance_from = phone_number_id");
		return HSW_EINVAL;
	}
	int rc = numbers_check((const char *const *)conf->numbers, err);
	return rc == HSW_OK ? handle_open(host, of, config, self, err) : rc;
}

static int
source_names_instances(void *self)
{
	const struct conf *conf = ((struct handle *)self)->conf;

	return conf->instance_from == FROM_PHONE_NUMBER_ID;
}

static int
source_verify(void *self, const struct hsw_request *request, struct hsw_error *err)
{
	const struct conf *conf = ((struct handle *)self)->conf;

	if (conf->app_secret == NULL)
		return HSW_OK;
	struct hsw_str header = request->header(request, "X-Hub-Signature-256");
	if (signature_is_hub(conf->app_secret, request->body, header))
		return HSW_OK;
	snprintf(err->text, sizeof(err->text), "X-Hub-Signature-256: is %s",
		header.s != NULL ? "not the one expected" : "missing");
	return HSW_EAUTH;
}

static int
source_translate(void *self, const struct hsw_request *request,
	int (*emit)(struct hsw_emit *, const struct hsw_event *), struct hsw_emit *out,
	struct hsw_error *err)
{
	struct handle *h = self;
	const struct conf *conf = h->conf;
	struct translation t = {
		.canon = &h->canon,
		.emit = emit,
		.out = out,
		.keeps_history = conf->history,
		.is_by_number = conf->instance_from == FROM_PHONE_NUMBER_ID,
		.numbers = (const char *const *)conf->numbers,
	};
	struct json_object *body = cj_parse(h->tokener, request->body, err);

	if (body == NULL)
		return HSW_EINVAL;
	canon_start(&h->canon, request, (struct hsw_str){ NULL, 0 });
	err->text[0] = '\0';
	int rc = translate_body(&t, body, err);
	if (rc != HSW_OK && err->text[0] == '\0')
		snprintf(err->text, sizeof(err->text),
			"entry: too many or too large events, or no memory");
	json_object_put(t.known);
	json_object_put(body);
	return rc;
}

/* ---- the question whether the address is ours ---- */

static int
refuse(struct hsw_error *err, int rc, const char *text)
{
	snprintf(err->text, sizeof(err->text), "%s", text);
	return rc;
}

static int
source_challenge(void *self, const struct hsw_request *request, struct hsw_reply *reply,
	struct hsw_error *err)
{
	const struct conf *conf = ((struct handle *)self)->conf;
	char value[HSW_REPLY_MAX];

	int n = query_parameter(request->query, "hub.mode", value, sizeof(value));
	if (n <= 0 || !word_is((struct hsw_str){ value, (size_t)n }, "subscribe"))
		return refuse(err, HSW_EINVAL, "hub.mode: expected subscribe");
	if (conf->verify_token == NULL)
		return refuse(err, HSW_EAUTH, "verify_token is not set");
	n = query_parameter(request->query, "hub.verify_token", value, sizeof(value));
	if (n <= 0 || !secret_is((struct hsw_str){ value, (size_t)n }, conf->verify_token))
		return refuse(err, HSW_EAUTH, "hub.verify_token: is not the one expected");
	n = query_parameter(request->query, "hub.challenge", reply->body, sizeof(reply->body));
	if (n <= 0)
		return refuse(err, HSW_EINVAL, "hub.challenge: is missing or malformed");
	reply->len = (size_t)n;
	return HSW_OK;
}

static const struct hsw_source_ops ops = {
	.size = sizeof(struct hsw_source_ops),
	.open = source_open,
	.verify = source_verify,
	.translate = source_translate,
	.close = handle_close,
	.challenge = source_challenge,
	.names_instances = source_names_instances,
};

HSW_PLUGIN(HSW_SOURCE, "cloudapi", "1.0", "Meta's WhatsApp Cloud API", sizeof(struct conf), options,
	&ops);
