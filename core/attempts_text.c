/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attempts_text.c - the failed attempts of a destination as the text that the store keeps:
 *
 *   {"failed":[{"at":1763700000000,"tookMs":12,"id":"evt_...","attempt":1,"outcome":"failed","status":500,
 *   "replay":false,"nextAt":1763700001000,"error":"..."}, ...]}, the newest first
 *
 * and "downSince":1763700000000 before it while the circuit is open.
 *
 * An object, since `rekey` of versions that do not know this kind of record refuses anything else.
 */
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include <json.h>

#include "attempts.h"
#include "json_text.h"

#define TEXT_END "]}"
/* A version that does not know the record may have written it anew, with "\/" for "/". */
#define READ_BYTES_MAX (2 * ATTEMPTS_STORED_BYTES)

static void
encode(const struct attempt *a, struct buf *text)
{
	buf_printf(text,
		"{\"at\":%" PRId64 ",\"tookMs\":%" PRId64 ",\"id\":\"%.*s\",\"attempt\":%d,"
		"\"outcome\":\"%s\",\"status\":%d,\"replay\":%s",
		a->at_ms, a->took_ms, ENVELOPE_ID_TEXT, a->id, a->number,
		attempt_outcomes[a->outcome], a->status, a->is_replay ? "true" : "false");
	if (a->next_at_ms != 0)
		buf_printf(text, ",\"nextAt\":%" PRId64, a->next_at_ms);
	if (a->text != NULL) {
		buf_str(text, ",\"error\":");
		buf_json_cstr(text, a->text);
	}
	buf_str(text, "}");
}

void
attempts_encode(const struct attempts *all, struct buf *text)
{
	const struct attempt *a;
	size_t start = text->len, kept;

	buf_str(text, "{");
	if (all->down_since_ms != 0)
		buf_printf(text, "\"downSince\":%" PRId64 ",", all->down_since_ms);
	buf_str(text, "\"failed\":[");
	for (size_t i = 0; (a = attempts_newest(&all->failed, i)) != NULL; i++) {
		kept = text->len;
		if (i > 0)
			buf_str(text, ",");
		encode(a, text);
		if (text->len - start + strlen(TEXT_END) > ATTEMPTS_STORED_BYTES) {
			text->len = kept;
			break;
		}
	}
	buf_str(text, TEXT_END);
}

/* ---- reading ---- */

static bool
get_number(struct json_object *o, const char *member, int64_t min, int64_t max, int64_t *out)
{
	struct json_object *v = json_object_object_get(o, member);

	*out = json_object_get_int64(v);
	return json_object_is_type(v, json_type_int) && *out >= min && *out <= max;
}

/* NULL: it is not there. */
static const char *
get_text(struct json_object *o, const char *member)
{
	struct json_object *v = json_object_object_get(o, member);
	return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;
}

static bool
get_outcome(struct json_object *o, enum hsw_outcome *out)
{
	const char *name = get_text(o, "outcome");

	for (unsigned i = HSW_RETRY; name != NULL && i < ATTEMPT_OUTCOMES; i++) {
		*out = (enum hsw_outcome)i;
		if (strcmp(attempt_outcomes[i], name) == 0)
			return true;
	}
	return false;
}

/* The text stays the object's. */
static bool
decode(struct json_object *o, struct attempt *out)
{
	const char *id = get_text(o, "id");
	int64_t number, status;

	*out = (struct attempt){ .text = (char *)get_text(o, "error") };
	if (!get_number(o, "at", 0, INT64_MAX, &out->at_ms) ||
		!get_number(o, "tookMs", 0, INT64_MAX, &out->took_ms) ||
		!get_number(o, "attempt", 1, INT_MAX, &number) ||
		!get_number(o, "status", INT_MIN, INT_MAX, &status) ||
		!get_outcome(o, &out->outcome) || id == NULL || strlen(id) != ENVELOPE_ID_TEXT)
		return false;
	memcpy(out->id, id, ENVELOPE_ID_TEXT);
	if (!get_number(o, "nextAt", 0, INT64_MAX, &out->next_at_ms))
		out->next_at_ms = 0;
	out->number = (int)number;
	out->status = (int)status;
	out->is_replay = json_object_get_boolean(json_object_object_get(o, "replay"));
	return true;
}

int
attempts_decode(struct attempts *all, struct hsw_str text)
{
	struct json_object *root = text.len <= READ_BYTES_MAX ? json_text_parse(text) : NULL;
	struct json_object *list = json_object_is_type(root, json_type_object)
		? json_object_object_get(root, "failed")
		: NULL;
	bool is_good = json_object_is_type(list, json_type_array);
	size_t n = is_good ? json_object_array_length(list) : 0;
	struct attempt a;

	if (n > ATTEMPTS_KEPT)
		n = ATTEMPTS_KEPT;
	for (size_t i = 0; i < n && is_good; i++)
		is_good = decode(json_object_array_get_idx(list, i), &a);
	for (size_t i = n; i-- > 0 && is_good;) {
		decode(json_object_array_get_idx(list, i), &a);
		attempts_note(all, &a);
	}
	if (is_good && !get_number(root, "downSince", 0, INT64_MAX, &all->down_since_ms))
		all->down_since_ms = 0;
	json_object_put(root);
	return is_good ? HSW_OK : HSW_EINVAL;
}
