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

/* Of several that have one id, the first is known by it. */
static int
add_known(struct json_object *known, const char *id, struct json_object *contact)
{
	if (id[0] == '\0' || cj_get(known, id) != NULL)
		return HSW_OK;
	if (json_object_object_add(known, id, json_object_get(contact)) == 0)
		return HSW_OK;
	json_object_put(contact);
	return HSW_ENOMEM;
}

/*
 * A change has as many contacts and elements as fit into a body: each element must find its own without going
 * through them all. A jid has an @, which no user id has.
 */
int
cloudapi_contacts(struct translation *t, struct json_object *list)
{
	int rc = HSW_OK;

	json_object_put(t->known);
	t->known = NULL;
	t->contacts = list;
	if (cj_length(list) > 0 && (t->known = json_object_new_object()) == NULL)
		return HSW_ENOMEM;
	for (size_t i = 0; i < cj_length(list) && rc == HSW_OK; i++) {
		struct hsw_party p = { .type = HSW_JID_NONE };
		cloudapi_party(&p, cj_at(list, i), "wa_id", "user_id");
		rc = add_known(t->known, p.jid, cj_at(list, i));
		if (rc == HSW_OK)
			rc = add_known(t->known, p.user_id, cj_at(list, i));
	}
	return rc;
}

void
cloudapi_known(const struct translation *t, struct hsw_party *p)
{
	struct json_object *contact = cj_get(t->known, p->jid);

	if (contact == NULL)
		contact = cj_get(t->known, p->user_id);
	if (contact == NULL)
		return;
	cloudapi_party(p, contact, "wa_id", "user_id");
	p->name = cj_string(cj_object(contact, "profile"), "name");
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
