/* SPDX-License-Identifier: Apache-2.0 */
/* call.c - call.update: calls that come in. */
#include "evolution.h"

#include <string.h>

static const struct word types[] = { { "offer", "offer" }, { "ringing", "notification" },
	{ "accept", "accepted" }, { "reject", "rejected" }, { "timeout", "terminated" },
	{ "terminate", "terminated" }, { "relaylatency", "latency" },
	{ "offer_notice", "notification" }, { NULL, NULL } };

/* A fork hands on WhatsApp's own packet: {attrs: {from, id, t}, content: [{tag: "offer", attrs}]}. */
static struct hsw_str
tag_of(struct json_object *packet)
{
	struct json_object *list = cj_array(packet, "content");
	return cj_string(cj_at(list, 0), "tag");
}

int
evolution_call(struct translation *t, struct json_object *data)
{
	struct json_object *packet = cj_object(data, "packet");
	struct json_object *source = packet != NULL ? cj_object(packet, "attrs") : data;
	struct hsw_str status = packet != NULL ? tag_of(packet) : cj_string(data, "status");
	struct hsw_call call = { .type = word_find(types, status),
		.id = cj_string(source, "id"),
		.time_ms = cj_time(source, packet != NULL ? "t" : "date"),
		.is_video = cj_tri(source, "isVideo"),
		.is_group = cj_tri(source, "isGroup") };

	if (call.type == NULL || call.id.len == 0)
		return evolution_ignore(t);
	evolution_party(&call.from, cj_get(source, "callerPn"));
	evolution_party(&call.from, cj_get(source, "from"));
	evolution_party(&call.group, cj_get(source, "groupJid"));
	if (canon_party_id(&call.from)[0] == '\0')
		evolution_party(&call.from, cj_get(source, "chatId"));
	if (word_is(status, "timeout"))
		call.reason = status;
	canon_call(t->canon, &call);
	return evolution_emit(t);
}
