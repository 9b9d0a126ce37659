/* SPDX-License-Identifier: Apache-2.0 */
/* group.c - group.flow: who comes, goes, and leads. */
#include "evolution.h"

#include <string.h>

/* participantsData repeats the members in the same order, with what the database knows of them. */
static void
read_member(struct json_object *data, size_t i, struct hsw_party *p)
{
	struct json_object *more = cj_at(cj_array(data, "participantsData"), i);
	struct hsw_party same = { .type = HSW_JID_NONE };

	evolution_party(p, cj_at(cj_array(data, "participants"), i));
	evolution_party(&same, more);
	bool is_same = (p->jid[0] != '\0' && strcmp(p->jid, same.jid) == 0) ||
		(p->lid[0] != '\0' && strcmp(p->lid, same.lid) == 0);
	if (is_same)
		evolution_party(p, more);
}

static void
write_members(struct hsw_canon *c, const void *data)
{
	struct json_object *group = (struct json_object *)data;
	size_t n = cj_length(cj_array(group, "participants"));

	for (size_t i = 0; i < n; i++) {
		struct hsw_party p = { .type = HSW_JID_NONE };
		read_member(group, i, &p);
		canon_participant(c, &p);
	}
}

/* Who leaves is told as the author of it; nobody removed them. */
static bool
is_own_doing(struct json_object *data, const struct hsw_party *author)
{
	struct hsw_party p = { .type = HSW_JID_NONE };

	if (cj_length(cj_array(data, "participants")) != 1)
		return false;
	read_member(data, 0, &p);
	return (p.jid[0] != '\0' && strcmp(p.jid, author->jid) == 0) ||
		(p.lid[0] != '\0' && strcmp(p.lid, author->lid) == 0);
}

int
evolution_participants(struct translation *t, struct json_object *data)
{
	static const struct word actions[] = { { "add", "joined" }, { "remove", "left" },
		{ "promote", "promoted" }, { "demote", "demoted" }, { NULL, NULL } };
	struct hsw_group g = { .type = word_find(actions, cj_string(data, "action")),
		.time_ms = cj_time(data, "timestamp"),
		.participants = { write_members, data } };

	evolution_party(&g.group, cj_get(data, "id"));
	if (g.type == NULL || g.group.type != HSW_JID_GROUP)
		return evolution_ignore(t);
	g.group.name = cj_string(data, "subject");
	evolution_party(&g.author, cj_get(data, "authorPn"));
	evolution_party(&g.author, cj_get(data, "author"));
	if (strcmp(g.type, "left") == 0 && is_own_doing(data, &g.author))
		g.author = (struct hsw_party){ .type = HSW_JID_NONE };
	canon_group(t->canon, &g);
	return evolution_emit(t);
}
