/* SPDX-License-Identifier: Apache-2.0 */
/*
 * who.c - chats and people. A person is a phone number (wa_id), a business-scoped user id ("US.13491..."), or
 * both; older payloads have the one where the other should be. A user id is never made a jid.
 */
#include "cloudapi.h"

#include <string.h>

void
cloudapi_add(struct hsw_party *p, struct hsw_str id)
{
	if (!canon_party_add_user_id(p, id))
		canon_party_add(p, id);
}

void
cloudapi_party(struct hsw_party *p, struct json_object *o, const char *phone, const char *user_id)
{
	cloudapi_add(p, cj_literal(o, phone));
	cloudapi_add(p, cj_string(o, user_id));
}

static bool
is_same(const char *one, const char *other)
{
	return one[0] != '\0' && strcmp(one, other) == 0;
}

void
cloudapi_known(const struct translation *t, struct hsw_party *p)
{
	for (size_t i = 0; i < cj_length(t->contacts); i++) {
		struct json_object *contact = cj_at(t->contacts, i);
		struct hsw_party known = { .type = HSW_JID_NONE };
		cloudapi_party(&known, contact, "wa_id", "user_id");
		if (!is_same(known.jid, p->jid) && !is_same(known.user_id, p->user_id))
			continue;
		cloudapi_party(p, contact, "wa_id", "user_id");
		p->name = cj_string(cj_object(contact, "profile"), "name");
		return;
	}
}

/* Meta's ids of groups are opaque, and stand where others have a number. */
void
cloudapi_group(struct hsw_party *p, struct hsw_str id)
{
	static const char server[] = "@g.us";
	char jid[HSW_JID_MAX];

	if (id.s == NULL || id.len + sizeof(server) > sizeof(jid))
		return;
	memcpy(jid, id.s, id.len);
	memcpy(jid + id.len, server, sizeof(server));
	bool has_server = memchr(id.s, '@', id.len) != NULL;
	canon_party_add(p, (struct hsw_str){ jid, id.len + (has_server ? 0 : sizeof(server) - 1) });
}
