/*
 * @NAME@.c - the source @NAME@: translates the webhooks of a provider that sends
 *
 *     {"id": "ABC", "from": "5511912345678", "name": "Ana", "text": "Hello", "time": 1763771103}
 *
 * A complete source to begin with. Change `translate_message`; hookswitch/canon.h has what writes the other events,
 * hookswitch-events(7) says what they are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hookswitch/canon_json.h>
#include <hookswitch/source.h>

#define DEPTH_MAX 32 /* of the JSON */

/* A handle: one section on one thread. All state is here, never in variables of the file. */
struct source {
	struct json_tokener *tokener;
	struct hsw_canon canon;
};

static struct hsw_str
text_of(const char *s)
{
	return (struct hsw_str){ s, strlen(s) };
}

/* Nothing is made up: without an id or a chat it is no message, and counted as ignored. */
static int
translate_message(struct source *s, struct json_object *body,
	int (*emit)(struct hsw_emit *, const struct hsw_event *), struct hsw_emit *out)
{
	struct hsw_message m = { .id = cj_string(body, "id"),
		.type = "text",
		.content = cj_string(body, "text"),
		.time_ms = cj_time(body, "time") };

	canon_party_add(&m.chat, cj_literal(body, "from"));
	if (m.id.len == 0 || canon_party_id(&m.chat)[0] == '\0')
		return canon_ignore(&s->canon, text_of("message"), emit, out);
	m.chat.name = cj_string(body, "name");
	m.sender = m.chat;
	canon_message(&s->canon, &m);
	return canon_emit(&s->canon, text_of("message"), emit, out);
}

static int
source_open(const struct hsw_host *host, struct hsw_handle *handle, const void *conf, void **self,
	struct hsw_error *err)
{
	struct source *s = calloc(1, sizeof(*s));

	(void)host;
	(void)handle;
	(void)conf;
	if (s == NULL || (s->tokener = cj_tokener_new(DEPTH_MAX)) == NULL) {
		free(s);
		snprintf(err->text, sizeof(err->text), "out of memory");
		return HSW_ENOMEM;
	}
	*self = s;
	return HSW_OK;
}

static int
source_translate(void *self, const struct hsw_request *request,
	int (*emit)(struct hsw_emit *, const struct hsw_event *), struct hsw_emit *out,
	struct hsw_error *err)
{
	struct source *s = self;
	struct json_object *body = cj_parse(s->tokener, request->body, err);

	if (body == NULL)
		return HSW_EINVAL; /* answered 400; cj_parse has said what is wrong */
	canon_start(&s->canon, request, (struct hsw_str){ NULL, 0 });
	int rc = translate_message(s, body, emit, out);
	if (rc != HSW_OK)
		snprintf(err->text, sizeof(err->text), "body: too large an event, or no memory");
	json_object_put(body);
	return rc;
}

static void
source_close(void *self)
{
	struct source *s = self;

	json_tokener_free(s->tokener);
	canon_free(&s->canon);
	free(s);
}

static const struct hsw_source_ops ops = {
	.size = sizeof(struct hsw_source_ops),
	.open = source_open,
	.translate = source_translate,
	.close = source_close,
};

/* No options but those of every source. */
HSW_PLUGIN(HSW_SOURCE, "@NAME@", "0.1", "webhooks of @NAME@", 0, NULL, &ops);
