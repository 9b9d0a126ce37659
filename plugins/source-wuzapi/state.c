/* SPDX-License-Identifier: Apache-2.0 */
/* state.c - instance.state: whatsmeow's events of the connection, and the codes that lead to one. */
#include "wuzapi.h"

#include <string.h>

static const struct word states[] = { { "Connected", "connected" },
	{ "Disconnected", "disconnected" }, { "LoggedOut", "logged_out" },
	{ "StreamReplaced", "stream_replaced" }, { "TemporaryBan", "temp_banned" },
	{ "ClientOutdated", "client_outdated" }, { "ConnectFailure", "connect_failure" },
	{ "StreamError", "stream_error" }, { "CATRefreshError", "cat_refresh_error" },
	{ "QR", "qr_ready" }, { "QRCode", "qr_ready" }, { "QRTimeout", "pair_error" },
	{ "PairSuccess", "pair_success" }, { "PairError", "pair_error" },
	{ "QRScannedWithoutMultidevice", "qr_scanned_no_multidevice" },
	{ "KeepAliveTimeout", "keepalive_timeout" }, { "KeepAliveRestored", "keepalive_restored" },
	{ "ManualLoginReconnect", "manual_reconnect" }, { NULL, NULL } };

/* whatsmeow's codes, the code itself, or its picture as a data URI, which is all that wuzapi has. */
static struct hsw_str
code_of(const struct translation *t, struct json_object *event)
{
	struct hsw_str code = cj_text(cj_at(cj_array(event, "Codes"), 0));

	if (code.len == 0)
		code = cj_string(event, "code");
	if (code.len == 0)
		code = cj_string(event, "qrcode");
	return code.len > 0 ? code : cj_string(t->body, "qrCodeBase64");
}

/* A number of the reason; LoggedOut and ConnectFailure have it in Reason, a ban and a stream's error in Code. */
static void
read_reason(const struct translation *t, struct json_object *event, struct hsw_state *s)
{
	static const char *const texts[] = { "Message", "Reason", "Error" };

	if (!cj_number(event, "Reason", &s->status) && !cj_number(event, "Code", &s->status))
		s->status = 0;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && s->reason.len == 0; i++)
		s->reason = cj_string(event, texts[i]);
	if (word_is(t->event, "QRTimeout"))
		s->reason = (struct hsw_str){ "timeout", strlen("timeout") };
}

bool
wuzapi_state(struct translation *t, struct json_object *event, int *rc)
{
	struct hsw_state s = { .state = word_find(states, t->event),
		.time_ms = wuzapi_time(event) };

	if (s.state == NULL)
		return false;
	read_reason(t, event, &s);
	if (strcmp(s.state, "qr_ready") == 0)
		s.code = code_of(t, event);
	if (strcmp(s.state, "pair_success") == 0) {
		wuzapi_party(&s.own, event, "ID");
		wuzapi_party(&s.own, event, "LID");
	}
	*rc = frame_emit_state(t, &s);
	return true;
}
