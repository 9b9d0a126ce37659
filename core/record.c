/* SPDX-License-Identifier: Apache-2.0 */
/* record.c - see record.h. */
#include "record.h"

#include <inttypes.h>
#include <stdlib.h>

#include <json.h>

#include "json_text.h"
#include "log.h"
#include "router.h"

const char record_instance[] = "instance";
const char record_webhook[] = "webhook";
const char record_websocket[] = "websocket";
const char record_key[] = "key";
const char record_version[] = "version";
const char record_attempts[] = HSW_RECORD_ATTEMPTS;
const char record_state[] = "state";
const char record_lost[] = "lost:";

#define VERSION_BYTES 16 /* random: no two changes make the same */

/* What a key is checked with. */
static const char key_check[] = "hookswitch";

/* The members that are sealed, in any kind of record. */
static const char *const secret_members[] = { "token", "authorization", "secret", "secret_old",
	"headers", "check", NULL };

/* ---- sealed members ---- */

/* What a value belongs to: "webhook/sales/default/authorization". */
static void
name_value(
	struct buf *of, const char *kind, struct hsw_str name, const char *sub, const char *member)
{
	buf_str(of, kind);
	buf_str(of, "/");
	buf_append(of, name.s, name.len);
	if (sub != NULL) {
		buf_str(of, "/");
		buf_str(of, sub);
	}
	buf_str(of, "/");
	buf_str(of, member);
}

static void
print_sealed(
	struct seal *seal, struct buf *of, const char *member, const char *value, struct buf *text)
{
	struct buf sealed = BUF_INIT;

	if (of->failed || seal_close(seal, str_of_buf(of), str_of(value), &sealed) != HSW_OK)
		text->failed = true;
	buf_printf(text, ",\"%s\":", member);
	buf_json(text, str_of_buf(&sealed));
	buf_free(&sealed);
}

static void
print_secret(struct seal *seal, const char *kind, struct hsw_str name, const char *sub,
	const char *member, const char *value, struct buf *text)
{
	struct buf of = BUF_INIT;

	if (value == NULL)
		return;
	name_value(&of, kind, name, sub, member);
	print_sealed(seal, &of, member, value, text);
	buf_free(&of);
}

static void
print_text(struct buf *text, const char *member, const char *value)
{
	if (value == NULL)
		return;
	buf_printf(text, ",\"%s\":", member);
	buf_json_cstr(text, value);
}

static struct json_object *
parse(struct hsw_str text)
{
	struct json_object *root = json_text_parse(text);

	if (json_object_is_type(root, json_type_object))
		return root;
	json_object_put(root);
	return NULL;
}

/* NULL: it is not there. */
static const char *
get_text(struct json_object *o, const char *member)
{
	struct json_object *v = json_object_object_get(o, member);
	return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;
}

static char *
copy_text(struct json_object *o, const char *member)
{
	const char *text = get_text(o, member);
	return text != NULL ? strdup(text) : NULL;
}

/* The opened value, the caller's. NULL: there is none, or it cannot be opened; then *sealed is it. */
static char *
read_secret(struct seal *seal, const char *kind, struct hsw_str name, const char *sub,
	struct json_object *o, const char *member, const char **sealed)
{
	const char *text = get_text(o, member);
	struct buf of = BUF_INIT, value = BUF_INIT;

	*sealed = NULL;
	if (text == NULL)
		return NULL;
	name_value(&of, kind, name, sub, member);
	int rc = of.failed ? HSW_ENOMEM : seal_open(seal, str_of_buf(&of), str_of(text), &value);
	buf_append(&value, "", 1);
	if (rc != HSW_OK || value.failed) {
		log_warn("config", "a stored secret cannot be decrypted: %.*s", (int)of.len,
			of.data);
		buf_free(&value);
		*sealed = text;
	}
	buf_free(&of);
	return value.data;
}

static bool
get_bool(struct json_object *o, const char *member)
{
	return json_object_get_boolean(json_object_object_get(o, member));
}

static int64_t
get_int(struct json_object *o, const char *member)
{
	return json_object_get_int64(json_object_object_get(o, member));
}

static void
get_events(struct json_object *o, struct event_list *out)
{
	struct json_object *list = json_object_object_get(o, "events");
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	out->n = 0;
	for (size_t i = 0; i < n && out->n < TYPE_COUNT; i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(list, i));
		int type = name != NULL ? event_type_of(str_of(name)) : -1;
		if (type >= 0)
			out->types[out->n++] = (unsigned char)type;
	}
}

/* ---- instances ---- */

/* NULL: it is not there, or not one that is made here. */
static const char *
get_id(struct json_object *o)
{
	const char *id = get_text(o, "id");
	size_t len = id != NULL ? strspn(id, "0123456789abcdef-") : 0;

	return id != NULL && id[len] == '\0' && len < INSTANCE_ID_SIZE ? id : NULL;
}

void
record_print_instance(struct seal *seal, const struct instance_settings *i, struct buf *text)
{
	const struct instance *instance = i->instance;

	buf_printf(text, "{\"id\":\"%s\",\"createdAt\":%" PRId64 ",\"updatedAt\":%" PRId64,
		instance->id, i->created_ms, i->updated_ms);
	if (instance->token.s != NULL)
		print_secret(seal, record_instance, instance->name, NULL, "token",
			instance->token.s, text);
	else
		print_text(text, "token", i->sealed_token);
	buf_str(text, "}");
}

struct instance_settings *
record_read_instance(struct seal *seal, struct hsw_str name, struct hsw_str text)
{
	struct instance_settings *i = calloc(1, sizeof(*i));
	struct json_object *o = i != NULL ? parse(text) : NULL;
	const char *sealed;

	if (o != NULL) {
		char *token = read_secret(seal, record_instance, name, NULL, o, "token", &sealed);
		if (sealed == NULL || (i->sealed_token = strdup(sealed)) != NULL)
			i->instance = instance_new(name, get_id(o), token);
		free(token);
		i->created_ms = get_int(o, "createdAt");
		i->updated_ms = get_int(o, "updatedAt");
	}
	json_object_put(o);
	if (i != NULL && i->instance != NULL)
		return i;
	if (i != NULL)
		free(i->sealed_token);
	free(i);
	return NULL;
}

/* ---- webhooks ---- */

static void
print_credential(struct seal *seal, struct hsw_str instance, const struct webhook *w,
	enum webhook_credential which, struct buf *text)
{
	const char *member = webhook_credential_name(which);
	const char *value = webhook_credential(w, which);

	if (value != NULL)
		print_secret(seal, record_webhook, instance, w->label, member, value, text);
	else
		print_text(text, member, w->sealed[which]);
}

void
record_print_webhook(
	struct seal *seal, struct hsw_str instance, const struct webhook *w, struct buf *text)
{
	buf_printf(text, "{\"enabled\":%s,\"byEvents\":%s,\"mediaBase64\":%s,\"events\":",
		w->enabled ? "true" : "false", w->by_events ? "true" : "false",
		w->media_base64 ? "true" : "false");
	event_list_print(&w->events, text);
	if (w->is_dashed)
		buf_str(text, ",\"dashed\":true");
	print_text(text, "url", w->url);
	print_text(text, "aliases", w->aliases);
	print_text(text, "only", router_only_name(w->only));
	print_text(text, "format", w->format);
	print_text(text, "disabledReason", w->disabled_reason);
	buf_printf(text, ",\"setAt\":%" PRId64, w->set_ms);
	for (size_t i = 0; i < CREDENTIAL_COUNT; i++)
		print_credential(seal, instance, w, (enum webhook_credential)i, text);
	buf_str(text, "}");
}

/* false: it is one that is not known here, and nobody shall get more than was asked for. */
static bool
get_only(struct json_object *o, enum sink_only *out)
{
	const char *name = get_text(o, "only");
	int only = name != NULL ? router_only_of(str_of(name)) : ONLY_ALL;

	if (only >= 0)
		*out = (enum sink_only)only;
	return only >= 0;
}

/* false: out of memory. */
static bool
read_credential(struct seal *seal, struct hsw_str instance, struct webhook *w,
	enum webhook_credential which, struct json_object *o)
{
	const char *sealed;

	webhook_take_credential(w, which,
		read_secret(seal, record_webhook, instance, w->label, o,
			webhook_credential_name(which), &sealed));
	if (sealed == NULL)
		return true;
	w->sealed[which] = strdup(sealed);
	return w->sealed[which] != NULL;
}

struct webhook *
record_read_webhook(
	struct seal *seal, struct hsw_str instance, struct hsw_str label, struct hsw_str text)
{
	struct webhook *w = webhook_new(label);
	struct json_object *o = w != NULL ? parse(text) : NULL;
	bool is_good = o != NULL && get_only(o, &w->only);

	for (size_t i = 0; i < CREDENTIAL_COUNT && is_good; i++)
		is_good = read_credential(seal, instance, w, (enum webhook_credential)i, o);
	if (!is_good) {
		webhook_free(w);
		json_object_put(o);
		return NULL;
	}
	w->enabled = get_bool(o, "enabled");
	w->by_events = get_bool(o, "byEvents");
	w->media_base64 = get_bool(o, "mediaBase64");
	w->is_dashed = get_bool(o, "dashed");
	w->url = copy_text(o, "url");
	w->aliases = copy_text(o, "aliases");
	w->format = copy_text(o, "format");
	w->disabled_reason = copy_text(o, "disabledReason");
	w->set_ms = get_int(o, "setAt");
	get_events(o, &w->events);
	json_object_put(o);
	return w;
}

/* ---- WebSockets ---- */

void
record_print_websocket(const struct websocket *w, struct buf *text)
{
	buf_printf(text, "{\"enabled\":%s,\"events\":", w->enabled ? "true" : "false");
	event_list_print(&w->events, text);
	buf_printf(text, ",\"mediaBase64\":%s}", w->media_base64 ? "true" : "false");
}

bool
record_read_websocket(struct hsw_str text, struct websocket *out)
{
	struct json_object *o = parse(text);

	if (o == NULL)
		return false;
	*out = (struct websocket){ .is_set = true,
		.is_stored = true,
		.enabled = get_bool(o, "enabled"),
		.media_base64 = get_bool(o, "mediaBase64") };
	get_events(o, &out->events);
	json_object_put(o);
	return true;
}

/* ---- the version ---- */

void
record_print_version(struct buf *text)
{
	unsigned char id[VERSION_BYTES];

	if (!seal_random(id, sizeof(id))) {
		text->failed = true;
		return;
	}
	buf_str(text, "{\"id\":\"");
	buf_hex(text, id, sizeof(id));
	buf_str(text, "\"}");
}

/* ---- what was seen of instances ---- */

void
record_print_state(const struct instance *i, const struct instance_seen *seen, struct buf *text)
{
	buf_printf(text, "{\"at\":%" PRId64, seen->at_ms);
	print_text(text, "id", i->id);
	print_text(text, "state", seen->state);
	print_text(text, "numberJid", seen->jid);
	buf_str(text, "}");
}

/* false: it is not there, or too long. */
static bool
get_short(struct json_object *o, const char *member, char *out, size_t size)
{
	const char *text = get_text(o, member);
	int n = text != NULL ? snprintf(out, size, "%s", text) : -1;

	return n >= 0 && (size_t)n < size;
}

bool
record_read_state(struct hsw_str text, char id[INSTANCE_ID_SIZE], struct instance_seen *out)
{
	struct json_object *o = parse(text);

	*out = (struct instance_seen){ .at_ms = json_object_get_int64(
					       json_object_object_get(o, "at")) };
	bool is_whole = out->at_ms > 0 && get_short(o, "id", id, INSTANCE_ID_SIZE) &&
		get_short(o, "state", out->state, sizeof(out->state)) &&
		get_short(o, "numberJid", out->jid, sizeof(out->jid));
	json_object_put(o);
	return is_whole;
}

/* ---- the key ---- */

void
record_print_key(struct seal *seal, const unsigned char salt[SEAL_SALT_BYTES], struct buf *text)
{
	buf_str(text, "{\"salt\":\"");
	buf_hex(text, salt, SEAL_SALT_BYTES);
	buf_str(text, "\"");
	print_secret(seal, record_key, str_of("1"), NULL, "check", key_check, text);
	buf_str(text, "}");
}

bool
record_read_key(struct hsw_str text, unsigned char salt[SEAL_SALT_BYTES], struct buf *check)
{
	struct json_object *o = parse(text);
	const char *hex = get_text(o, "salt"), *sealed = get_text(o, "check");
	bool is_good = hex != NULL && strlen(hex) == 2 * SEAL_SALT_BYTES &&
		strspn(hex, "0123456789abcdefABCDEF") == 2 * SEAL_SALT_BYTES;

	for (size_t i = 0; i < SEAL_SALT_BYTES && is_good; i++)
		is_good = sscanf(hex + 2 * i, "%2hhx", &salt[i]) == 1;
	if (sealed != NULL)
		buf_str(check, sealed);
	json_object_put(o);
	return is_good && !check->failed;
}

bool
record_is_key(struct seal *seal, struct hsw_str check)
{
	struct buf of = BUF_INIT, value = BUF_INIT;

	name_value(&of, record_key, str_of("1"), NULL, "check");
	bool is_key = !of.failed && seal_open(seal, str_of_buf(&of), check, &value) == HSW_OK &&
		str_is(str_of_buf(&value), key_check);
	buf_free(&of);
	buf_free(&value);
	return is_key;
}

/* ---- another key ---- */

static int
set_member(struct json_object *o, const char *member, struct hsw_str value)
{
	struct json_object *text = json_object_new_string_len(value.s, (int)value.len);

	return text != NULL && json_object_object_add(o, member, text) == 0 ? HSW_OK : HSW_ENOMEM;
}

/* Opens the value and seals it. */
static int
reseal_value(const struct hsw_store_record *r, const char *member, struct hsw_str text,
	struct seal *from, struct seal *to, struct buf *sealed)
{
	struct buf of = BUF_INIT, value = BUF_INIT;
	char kind[32];

	snprintf(kind, sizeof(kind), "%.*s", (int)r->kind.len, r->kind.s);
	name_value(&of, kind, r->name, NULL, member);
	int rc = of.failed ? HSW_ENOMEM : seal_open(from, str_of_buf(&of), text, &value);
	if (rc == HSW_OK)
		rc = seal_close(to, str_of_buf(&of), str_of_buf(&value), sealed);
	buf_free(&of);
	buf_free(&value);
	return rc;
}

static int
reseal_member(const struct hsw_store_record *r, struct json_object *o, const char *member,
	struct seal *from, struct seal *to, const struct record_losses *losses)
{
	const char *text = get_text(o, member);
	struct buf sealed = BUF_INIT;

	if (text == NULL || strcmp(text, record_lost) == 0)
		return HSW_OK;
	int rc = reseal_value(r, member, str_of(text), from, to, &sealed);
	if (rc == HSW_OK) {
		rc = set_member(o, member, str_of_buf(&sealed));
	} else if ((rc == HSW_EAUTH || rc == HSW_EINVAL) && losses != NULL) {
		losses->lost(losses->arg, r, member);
		rc = set_member(o, member, str_of(record_lost));
	}
	buf_free(&sealed);
	return rc;
}

int
record_reseal(const struct hsw_store_record *r, struct seal *from, struct seal *to,
	const struct record_losses *losses, struct buf *out)
{
	struct json_object *o = parse(r->text);
	int rc = o != NULL ? HSW_OK : HSW_EINVAL;

	for (const char *const *m = secret_members; *m != NULL && rc == HSW_OK; m++)
		rc = reseal_member(r, o, *m, from, to, losses);
	if (rc == HSW_OK)
		buf_str(out, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
	return rc == HSW_OK && out->failed ? HSW_ENOMEM : rc;
}
