/* SPDX-License-Identifier: Apache-2.0 */
/* group.c - group.flow: notifications of groups, by their subtype. */
#include "eazewa.h"

#include <string.h>

enum value { NO_VALUE, TEXT, ON_OFF };

static const struct subtype {
	const char *name, *type;
	enum value value;
	bool has_members; /* tells who */
} subtypes[] = {
	{ "add", "joined", NO_VALUE, true },
	{ "invite", "joined", NO_VALUE, true },
	{ "linked_group_join", "joined", NO_VALUE, true },
	{ "remove", "left", NO_VALUE, true },
	{ "leave", "left", NO_VALUE, true },
	{ "promote", "promoted", NO_VALUE, true },
	{ "demote", "demoted", NO_VALUE, true },
	{ "create", "created", NO_VALUE, false },
	{ "delete", "delete", NO_VALUE, false },
	{ "subject", "name", TEXT, false },
	{ "description", "topic", TEXT, false },
	{ "picture", "picture", NO_VALUE, false },
	{ "announce", "announce", ON_OFF, false },
	{ "restrict", "locked", ON_OFF, false },
	{ "ephemeral", "ephemeral", ON_OFF, false },
	{ "membership_approval_mode", "membership_approval", ON_OFF, false },
	{ "revoke_invite", "link", NO_VALUE, false },
	{ "created_membership_requests", "join_request", NO_VALUE, true },
};

/* What the event says where the subtype is not known. */
static const struct {
	const char *event, *subtype;
} defaults[] = {
	{ "group_join", "add" },
	{ "group_leave", "remove" },
	{ "group_membership_request", "created_membership_requests" },
};

static const struct subtype *
find_subtype(struct hsw_str name)
{
	for (size_t i = 0; i < sizeof(subtypes) / sizeof(subtypes[0]); i++) {
		if (word_is(name, subtypes[i].name))
			return &subtypes[i];
	}
	return NULL;
}

static const struct subtype *
subtype_of(const struct translation *t, struct hsw_str name)
{
	const struct subtype *found = find_subtype(name);

	for (size_t i = 0; found == NULL && i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		const char *subtype = defaults[i].subtype;
		if (word_is(t->event, defaults[i].event))
			found = find_subtype((struct hsw_str){ subtype, strlen(subtype) });
	}
	return found;
}

/* ---- who ---- */

struct members {
	struct json_object *list;
	struct hsw_party only; /* where the list is empty */
};

static void
write_members(struct hsw_canon *c, const void *arg)
{
	const struct members *members = arg;

	for (size_t i = 0; i < cj_length(members->list); i++) {
		struct hsw_party p = { .type = HSW_JID_NONE };
		eazewa_add_person(c, &p, cj_at(members->list, i));
		canon_participant(c, &p);
	}
	if (cj_length(members->list) == 0)
		canon_participant(c, &members->only);
}

/* Who comes by a link or goes by themselves may be told as the author alone, or in the id. */
static void
read_members(struct translation *t, struct json_object *o, const struct key *key,
	const struct hsw_party *author, struct members *members)
{
	members->list = cj_array(o, "recipientIds");
	if (cj_length(members->list) > 0) {
		eazewa_add_person(t->canon, &members->only, cj_at(members->list, 0));
		return;
	}
	if (key->participant.len > 0)
		canon_party_add(&members->only, key->participant);
	if (canon_party_id(&members->only)[0] == '\0')
		members->only = *author;
}

/* Nobody removed who left by themselves. */
static bool
is_own_doing(const struct members *members, const struct hsw_party *author)
{
	return cj_length(members->list) <= 1 && eazewa_is_same(&members->only, author) == HSW_YES;
}

/* ---- what ---- */

static void
read_value(const struct subtype *subtype, struct hsw_str body, struct hsw_group *g)
{
	if (subtype->value == TEXT)
		g->value = body;
	else if (subtype->value == ON_OFF && (word_is(body, "on") || word_is(body, "true")))
		g->value_flag = HSW_YES;
	else if (subtype->value == ON_OFF && (word_is(body, "off") || word_is(body, "false")))
		g->value_flag = HSW_NO;
}

int
eazewa_group(struct translation *t, struct json_object *data)
{
	struct json_object *o = view_inner(data, "notification");
	struct key key = eazewa_key(t->canon, cj_get(o, "id"));
	const struct subtype *subtype = subtype_of(t, cj_string(o, "type"));
	struct members members = { .list = NULL };
	struct hsw_group g = { .time_ms = cj_time(o, "timestamp"), .reason = cj_string(o, "type") };

	eazewa_add(t->canon, &g.group, cj_get(o, "chatId"));
	canon_party_add(&g.group, key.remote);
	if (subtype == NULL || g.group.type != HSW_JID_GROUP)
		return eazewa_ignore(t);
	g.type = subtype->type;
	eazewa_add_person(t->canon, &g.author, cj_get(o, "author"));
	read_value(subtype, cj_string(o, "body"), &g);
	if (subtype->has_members) {
		read_members(t, o, &key, &g.author, &members);
		g.participants = (struct hsw_fill){ write_members, &members };
	}
	if (strcmp(g.type, "left") == 0 && is_own_doing(&members, &g.author))
		g.author = (struct hsw_party){ .type = HSW_JID_NONE };
	canon_group(t->canon, &g);
	return eazewa_emit(t);
}
