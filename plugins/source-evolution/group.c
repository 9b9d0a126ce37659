/* SPDX-License-Identifier: Apache-2.0 */
/* group.c - group.flow: who comes, goes, and leads, and what a group is. */
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

/* ---- the group itself ---- */

static const struct property {
	const char *name, *type;
	enum { TEXT, FLAG, DURATION } kind;
} properties[] = {
	{ "subject", "name", TEXT },
	{ "desc", "topic", TEXT },
	{ "inviteCode", "link", TEXT },
	{ "announce", "announce", FLAG },
	{ "restrict", "locked", FLAG },
	{ "joinApprovalMode", "membership_approval", FLAG },
	{ "ephemeralDuration", "ephemeral", DURATION },
};

#define PROPERTIES (sizeof(properties) / sizeof(properties[0]))

/* false: data does not tell it. */
static bool
read_property(struct json_object *data, const struct property *p, struct hsw_group *g)
{
	int64_t seconds;

	g->type = p->type;
	g->value = (struct hsw_str){ NULL, 0 };
	g->value_flag = HSW_UNKNOWN;
	if (p->kind == TEXT)
		g->value = cj_string(data, p->name);
	else if (p->kind == FLAG)
		g->value_flag = cj_tri(data, p->name);
	else if (cj_number(data, p->name, &seconds))
		g->value_flag = seconds > 0 ? HSW_YES : HSW_NO;
	return g->value.s != NULL || g->value_flag != HSW_UNKNOWN;
}

static void
write_all_members(struct hsw_canon *c, const void *data)
{
	struct json_object *members = cj_array((struct json_object *)data, "participants");

	for (size_t i = 0; i < cj_length(members); i++) {
		struct hsw_party p = { .type = HSW_JID_NONE };
		evolution_party(&p, cj_at(members, i));
		canon_participant(c, &p);
	}
}

static void
write_snapshot(struct hsw_canon *c, const void *data)
{
	for (size_t i = 0; i < PROPERTIES; i++) {
		struct hsw_group g = { .type = NULL };
		if (!read_property((struct json_object *)data, &properties[i], &g))
			continue;
		canon_string(c, g.type, g.value);
		canon_tri(c, g.type, g.value_flag);
	}
}

static bool
begin_group(struct json_object *data, struct hsw_group *g)
{
	*g = (struct hsw_group){ .type = NULL };
	evolution_party(&g->group, cj_get(data, "id"));
	evolution_party(&g->author, cj_get(data, "authorPn"));
	evolution_party(&g->author, cj_get(data, "author"));
	return g->group.type == HSW_JID_GROUP;
}

/* A group that was not known before: made, or we were added to it. */
int
evolution_group(struct translation *t, struct json_object *data)
{
	struct hsw_group g;

	if (!begin_group(data, &g))
		return evolution_ignore(t);
	g.type = "created";
	g.group.name = cj_string(data, "subject");
	g.time_ms = cj_time(data, "creation");
	struct hsw_party owner = { .type = HSW_JID_NONE };
	evolution_party(&owner, cj_get(data, "ownerPn"));
	evolution_party(&owner, cj_get(data, "ownerJid"));
	evolution_party(&owner, cj_get(data, "owner"));
	/* Of one who is told by a LID alone, the owner may have the phone. */
	bool is_same = g.author.jid[0] == '\0' && strcmp(g.author.lid, owner.lid) == 0;
	if (canon_party_id(&g.author)[0] == '\0' || is_same)
		g.author = owner;
	if (cj_length(cj_array(data, "participants")) > 0)
		g.participants = (struct hsw_fill){ write_all_members, data };
	canon_group(t->canon, &g);
	return evolution_emit(t);
}

/* What changed comes alone; with the members it is the whole group. */
int
evolution_group_update(struct translation *t, struct json_object *data)
{
	struct hsw_group g;
	int rc = HSW_OK, n = 0;

	if (!begin_group(data, &g))
		return evolution_ignore(t);
	if (cj_length(cj_array(data, "participants")) > 0) {
		g.type = "info";
		g.group.name = cj_string(data, "subject");
		g.participants = (struct hsw_fill){ write_all_members, data };
		g.value_members = (struct hsw_fill){ write_snapshot, data };
		canon_group(t->canon, &g);
		return evolution_emit(t);
	}
	for (size_t i = 0; i < PROPERTIES && rc == HSW_OK; i++) {
		if (!read_property(data, &properties[i], &g))
			continue;
		canon_group(t->canon, &g);
		rc = evolution_emit(t);
		n++;
	}
	return n > 0 ? rc : evolution_ignore(t);
}
