/* SPDX-License-Identifier: Apache-2.0 */
/* label.c - label.update: labels themselves, and the chats and messages that get or lose one. */
#include "evolution.h"

int
evolution_label(struct translation *t, struct json_object *data)
{
	bool is_deleted = cj_bool(data, "deleted");
	struct hsw_label l = { .type = "edit",
		.action = is_deleted ? "deleted" : "updated",
		.id = cj_literal(data, "id"),
		.name = cj_string(data, "name"),
		.color = cj_literal(data, "color"),
		.is_deleted = cj_tri(data, "deleted") };

	if (l.id.len == 0)
		return evolution_ignore(t);
	canon_label(t->canon, &l);
	return evolution_emit(t);
}

int
evolution_label_association(struct translation *t, struct json_object *data)
{
	static const struct word actions[] = { { "add", "add" }, { "remove", "remove" },
		{ NULL, NULL } };
	struct json_object *association = cj_object(data, "association") != NULL
		? cj_object(data, "association")
		: data;
	struct hsw_label l = { .action = word_find(actions, cj_string(data, "type")),
		.id = cj_literal(association, "labelId"),
		.message_id = cj_string(association, "messageId") };

	evolution_party(&l.chat, cj_get(association, "chatId"));
	bool has_object = canon_party_id(&l.chat)[0] != '\0' || l.message_id.len > 0;
	if (l.action == NULL || l.id.len == 0 || !has_object)
		return evolution_ignore(t);
	l.type = l.message_id.len > 0 ? "message" : "chat";
	l.is_labeled = l.action[0] == 'a' ? HSW_YES : HSW_NO;
	canon_label(t->canon, &l);
	return evolution_emit(t);
}
