/* SPDX-License-Identifier: Apache-2.0 */
/* instance.c - instance.state: the connection to WhatsApp, and the QR codes that lead to one. */
#include "evolution.h"

#include <string.h>

#define MINUTE 16 /* bytes of "2026-01-15T09:30" */

/*
 * status.instance, connection.update and logout.instance come one after the other and tell of one logging
 * out: within a minute it is the same.
 */
static void
join_logouts(struct translation *t, const struct hsw_state *s)
{
	struct hsw_str *occasion = &t->canon->occasion;

	if (strcmp(s->state, "logged_out") == 0 && occasion->len > MINUTE)
		occasion->len = MINUTE;
}

static int
emit_state(struct translation *t, struct hsw_state *s)
{
	join_logouts(t, s);
	s->instance = t->request->instance;
	if (canon_party_id(&s->own)[0] == '\0')
		s->own = t->own;
	canon_state(t->canon, s);
	return evolution_emit(t);
}

/* Baileys' DisconnectReason, and what WhatsApp's servers say. */
static const char *
closed_state(int64_t reason)
{
	static const struct {
		int64_t reason;
		const char *state;
	} states[] = {
		{ 401, "logged_out" },
		{ 402, "temp_banned" },
		{ 403, "logged_out" },
		{ 405, "client_outdated" },
		{ 406, "logged_out" },
		{ 411, "stream_error" },
		{ 413, "cat_refresh_error" },
		{ 414, "cat_refresh_error" },
		{ 440, "stream_replaced" },
		{ 500, "stream_error" },
		{ 503, "connect_failure" },
	};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (states[i].reason == reason)
			return states[i].state;
	}
	return "disconnected";
}

int
evolution_connection(struct translation *t, struct json_object *data)
{
	static const struct word words[] = { { "open", "connected" },
		{ "connecting", "connecting" }, { "close", "" }, { "refused", "" },
		{ NULL, NULL } };
	struct hsw_str state = cj_string(data, "state");
	struct hsw_state s = { .state = word_find(words, state),
		.status = cj_count(data, "statusReason") };

	if (state.s == NULL)
		return evolution_ignore(t);
	if (s.state == NULL)
		s.state = "unknown";
	else if (s.state[0] == '\0')
		s.state = closed_state(s.status);
	if (word_is(state, "refused"))
		s.reason = state;
	evolution_party(&s.own, cj_get(data, "wuid"));
	return emit_state(t, &s);
}

/* At the limit of codes a message comes instead of one: nobody scanned any. */
int
evolution_qrcode(struct translation *t, struct json_object *data)
{
	struct json_object *qr = cj_object(data, "qrcode") != NULL ? cj_object(data, "qrcode")
								   : data;
	struct hsw_state s = { .state = "qr_ready",
		.code = cj_string(qr, "code"),
		.pairing_code = cj_string(qr, "pairingCode") };

	if (s.code.len + s.pairing_code.len > 0)
		return emit_state(t, &s);
	s.state = "pair_error";
	s.reason = cj_string(data, "message");
	s.status = cj_count(data, "statusCode");
	return s.status != 0 || s.reason.len > 0 ? emit_state(t, &s) : evolution_ignore(t);
}

int
evolution_startup(struct translation *t, struct json_object *data)
{
	struct hsw_state s = { .state = "connecting",
		.reason = { "application_startup", strlen("application_startup") } };

	(void)data;
	return emit_state(t, &s);
}

int
evolution_status(struct translation *t, struct json_object *data)
{
	static const struct word words[] = { { "open", "connected" }, { "closed", "" },
		{ "close", "" }, { "removed", "logged_out" }, { "connecting", "connecting" },
		{ NULL, NULL } };
	struct hsw_str status = cj_string(data, "status");
	struct hsw_state s = { .state = word_find(words, status),
		.status = cj_count(data, "disconnectionReasonCode") };

	if (status.s == NULL)
		return evolution_ignore(t);
	if (s.state == NULL)
		s.state = "unknown";
	else if (s.state[0] == '\0')
		s.state = closed_state(s.status);
	return emit_state(t, &s);
}

int
evolution_logout(struct translation *t, struct json_object *data)
{
	struct hsw_state s = { .state = "logged_out", .reason = t->event };

	(void)data;
	return emit_state(t, &s);
}
