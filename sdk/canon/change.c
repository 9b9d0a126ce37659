/* SPDX-License-Identifier: Apache-2.0 */
/* change.c - what a message is to another: an edit, a revocation, a reaction, a vote. */
#include <hookswitch/canon_content.h>

#include <string.h>
#include <strings.h>

/* protocolMessage.type, as a number or a name (proto.Message.ProtocolMessage.Type); REVOKE is 0. */
static bool
is_revocation(struct json_object *protocol)
{
	struct json_object *type = cj_get(protocol, "type");
	struct hsw_str name = cj_text(type);
	int64_t n;

	if (name.len == 6 && strncasecmp(name.s, "REVOKE", 6) == 0)
		return true;
	return cj_number_of(type, &n) && n == 0;
}

void
canon_protocol(struct json_object *protocol, struct hsw_message *m)
{
	struct json_object *edited = cj_object(protocol, "editedMessage");
	struct hsw_str target = cj_string(cj_object(protocol, "key"), "id");

	if (target.len > 0 && is_revocation(protocol)) {
		m->change = HSW_REVOKE;
		m->type = "message_revoke";
		m->id = target;
	} else if (target.len > 0 && edited != NULL) {
		m->change = HSW_EDIT;
		m->type = "message_edit";
		m->target_id = target;
		m->content = canon_content(edited).text;
		if (m->content.s == NULL)
			m->content = (struct hsw_str){ "", 0 };
	}
}

static void
read_reaction(struct json_object *reaction, struct hsw_message *m)
{
	struct json_object *target = cj_object(reaction, "key");

	m->change = HSW_REACTION;
	m->reaction = cj_string(reaction, "text");
	m->target_id = cj_string(target, "id");
	m->is_target_own = cj_bool(target, "fromMe");
}

/* An edit that came without a protocolMessage has the id of the message that was edited. */
static void
read_edited(struct hsw_message *m)
{
	m->change = HSW_EDIT;
	m->type = "message_edit";
	m->target_id = m->id;
}

void
canon_content_fill(const struct hsw_content *content, struct hsw_message *m)
{
	m->type = content->node != NULL ? content->node->type : "unknown";
	m->content = content->text;
	if (content->node != NULL && content->node->details != NULL)
		m->details = (struct hsw_fill){ content->node->details, content };
	if (canon_content_is(content, "reaction"))
		read_reaction(content->value, m);
	else if (canon_content_is(content, "poll_vote"))
		m->change = HSW_VOTE;
	else if (canon_content_is(content, "system"))
		canon_protocol(content->value, m);
	else if (content->is_edited)
		read_edited(m);
}
