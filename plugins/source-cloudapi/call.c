/* SPDX-License-Identifier: Apache-2.0 */
/* call.c - call.update: calls of users, and of the business. session.sdp is the call's own secret and not read. */
#include "cloudapi.h"

static int
emit_call(struct translation *t, struct hsw_call *call)
{
	if (call->type == NULL || call->id.len == 0)
		return cloudapi_ignore(t);
	canon_call(t->canon, call);
	return cloudapi_emit(t);
}

int
cloudapi_call(struct translation *t, struct json_object *o)
{
	static const struct word types[] = { { "connect", "offer" }, { "terminate", "terminated" },
		{ NULL, NULL } };
	struct hsw_call call = { .type = word_find(types, cj_string(o, "event")),
		.id = cj_string(o, "id"),
		.time_ms = cj_time(o, "timestamp"),
		.reason = cj_string(o, "status") };

	cloudapi_party(&call.from, o, "from", "from_user_id");
	cloudapi_party(&call.to, o, "to", "to_user_id");
	cloudapi_known(t, &call.from);
	return emit_call(t, &call);
}

int
cloudapi_call_status(struct translation *t, struct json_object *o)
{
	static const struct word types[] = { { "RINGING", "notification" },
		{ "ACCEPTED", "accepted" }, { "REJECTED", "rejected" }, { NULL, NULL } };
	struct hsw_call call = { .type = word_find(types, cj_string(o, "status")),
		.id = cj_string(o, "id"),
		.time_ms = cj_time(o, "timestamp"),
		.from = t->own };

	cloudapi_party(&call.to, o, "recipient_id", "recipient_user_id");
	return emit_call(t, &call);
}
