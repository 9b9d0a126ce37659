/* SPDX-License-Identifier: Apache-2.0 */
/* webhook.c - see webhook.h. */
#include "webhook.h"

#include <stddef.h>
#include <stdlib.h>

#include "clock.h"
#include "router.h"
#include "shown.h"

#define FORMAT_RAW "raw" /* of sink-webhook */

static const struct {
	const char *name;
	size_t offset;
} credentials[CREDENTIAL_COUNT] = {
	[CREDENTIAL_AUTHORIZATION] = { "authorization", offsetof(struct webhook, authorization) },
	[CREDENTIAL_SECRET] = { "secret", offsetof(struct webhook, secret) },
	[CREDENTIAL_SECRET_OLD] = { "secret_old", offsetof(struct webhook, secret_old) },
	[CREDENTIAL_HEADERS] = { "headers", offsetof(struct webhook, headers) },
};

bool
webhook_label_is_valid(struct hsw_str label)
{
	const unsigned char *s = (const unsigned char *)label.s;
	bool may_show = true;

	if (label.len == 0 || label.len > WEBHOOK_LABEL_MAX || s[0] == ' ' ||
		s[label.len - 1] == ' ')
		return false;
	for (size_t i = 0; i < label.len && may_show;)
		i += shown_character(s + i, label.len - i, &may_show);
	return may_show;
}

struct webhook *
webhook_new(struct hsw_str label)
{
	struct webhook *w = calloc(1, sizeof(*w));

	if (w != NULL && (w->label = strndup(label.s, label.len)) != NULL) {
		w->set_ms = clock_wall_ms();
		return w;
	}
	free(w);
	return NULL;
}

void
webhook_free(struct webhook *w)
{
	if (w == NULL)
		return;
	free(w->label);
	free(w->url);
	free(w->authorization);
	free(w->secret);
	free(w->secret_old);
	free(w->headers);
	free(w->format);
	for (size_t i = 0; i < CREDENTIAL_COUNT; i++)
		free(w->sealed[i]);
	free(w->aliases);
	free(w->disabled_reason);
	free(w);
}

static bool
keep_text(char **text, const char *before)
{
	char *copy = before != NULL ? strdup(before) : NULL;

	free(*text);
	*text = copy;
	return copy != NULL || before == NULL;
}

const char *
webhook_credential_name(enum webhook_credential which)
{
	return credentials[which].name;
}

const char *
webhook_credential(const struct webhook *w, enum webhook_credential which)
{
	return *(char *const *)((const char *)w + credentials[which].offset);
}

void
webhook_take_credential(struct webhook *w, enum webhook_credential which, char *value)
{
	char **at = (char **)((char *)w + credentials[which].offset);

	free(*at);
	*at = value;
}

unsigned
webhook_undecryptable(const struct webhook *w)
{
	unsigned bits = 0;

	for (size_t i = 0; i < CREDENTIAL_COUNT; i++)
		bits |= w->sealed[i] != NULL ? 1u << i : 0;
	return bits;
}

static bool
keep_credential(struct webhook *w, const struct webhook *before, enum webhook_credential which)
{
	const char *value = webhook_credential(before, which);
	char *copy = value != NULL ? strdup(value) : NULL;

	if (copy != NULL || value == NULL)
		webhook_take_credential(w, which, copy);
	return (copy != NULL || value == NULL) &&
		keep_text(&w->sealed[which], before->sealed[which]);
}

int
webhook_keep(struct webhook *w, const struct webhook *before, unsigned extras)
{
	static const struct webhook none = { .label = NULL };
	bool is_good = true;

	if (before == NULL)
		before = &none;
	if (extras & WEBHOOK_SECRET)
		is_good &= keep_credential(w, before, CREDENTIAL_SECRET);
	/* Who removes the secret wants no signature. */
	bool is_signed = w->secret != NULL || w->sealed[CREDENTIAL_SECRET] != NULL;
	if (extras & WEBHOOK_SECRET_OLD)
		is_good &= keep_credential(w, is_signed ? before : &none, CREDENTIAL_SECRET_OLD);
	if (extras & WEBHOOK_HEADERS)
		is_good &= keep_credential(w, before, CREDENTIAL_HEADERS);
	if (extras & WEBHOOK_FORMAT)
		is_good &= keep_text(&w->format, before->format);
	return is_good ? HSW_OK : HSW_ENOMEM;
}

bool
webhook_is_on(const struct webhook *w)
{
	return w->enabled && w->disabled_reason == NULL;
}

void
event_list_all(struct event_list *l)
{
	for (l->n = 0; l->n < TYPE_COUNT; l->n++)
		l->types[l->n] = (unsigned char)l->n;
}

void
event_list_of(struct event_list *l, const char **names)
{
	unsigned seen = 0;

	l->n = 0;
	for (; *names != NULL; names++) {
		int type = event_type_of(str_of(*names));
		if (type < 0 || (seen & 1u << type) != 0)
			continue;
		seen |= 1u << type;
		l->types[l->n++] = (unsigned char)type;
	}
}

unsigned
event_list_bits(const struct event_list *l)
{
	unsigned bits = 0;

	for (size_t i = 0; i < l->n; i++)
		bits |= 1u << l->types[i];
	return bits;
}

unsigned
webhook_raw_types(const struct webhook *w)
{
	bool is_raw = w->enabled && w->format != NULL && strcmp(w->format, FORMAT_RAW) == 0;
	return is_raw ? event_list_bits(&w->events) : 0;
}

void
event_list_print(const struct event_list *l, struct buf *out)
{
	buf_str(out, "[");
	for (size_t i = 0; i < l->n; i++)
		buf_printf(out, "%s\"%s\"", i > 0 ? "," : "", event_type_names[l->types[i]]);
	buf_str(out, "]");
}

static void
print_text(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	buf_json_cstr(out, text != NULL ? text : "");
}

/* Their values may be credentials. */
static void
print_header_names(const char *headers, struct buf *out)
{
	const char *comma = "";

	buf_str(out, ",\"headerNames\":[");
	while (*headers != '\0') {
		size_t line = strcspn(headers, "\n");
		const struct hsw_str name = { headers, strcspn(headers, ":") };
		buf_str(out, comma);
		buf_json(out, name);
		comma = ",";
		headers += line + (headers[line] == '\n');
	}
	buf_str(out, "]");
}

static void
print_undecryptable(const struct webhook *w, struct buf *out)
{
	const char *comma = "";

	buf_str(out, ",\"undecryptable\":[");
	for (size_t i = 0; i < CREDENTIAL_COUNT; i++) {
		if (w->sealed[i] == NULL)
			continue;
		buf_printf(out, "%s\"%s\"", comma, credentials[i].name);
		comma = ",";
	}
	buf_str(out, "]");
}

void
webhook_print(const struct webhook *w, struct buf *out)
{
	buf_str(out, "{\"label\":");
	buf_json_cstr(out, w->label);
	buf_printf(out, ",\"enabled\":%s", webhook_is_on(w) ? "true" : "false");
	print_text(out, "url", w->url);
	print_text(out, "authorization",
		w->authorization != NULL ? w->authorization : w->sealed[CREDENTIAL_AUTHORIZATION]);
	buf_printf(out, ",\"byEvents\":%s,\"events\":", w->by_events ? "true" : "false");
	event_list_print(&w->events, out);
	buf_printf(out, ",\"mediaBase64\":%s", w->media_base64 ? "true" : "false");
	if (w->only != ONLY_ALL)
		print_text(out, "only", router_only_name(w->only));
	if (w->disabled_reason != NULL)
		print_text(out, "disabledReason", w->disabled_reason);
	if (w->secret != NULL || w->sealed[CREDENTIAL_SECRET] != NULL)
		buf_str(out, ",\"hasSecret\":true");
	if (w->secret_old != NULL || w->sealed[CREDENTIAL_SECRET_OLD] != NULL)
		buf_str(out, ",\"hasSecretOld\":true");
	if (w->format != NULL)
		print_text(out, "format", w->format);
	if (w->headers != NULL)
		print_header_names(w->headers, out);
	if (webhook_undecryptable(w) != 0)
		print_undecryptable(w, out);
	buf_str(out, "}");
}
