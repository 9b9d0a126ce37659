/* SPDX-License-Identifier: Apache-2.0 */
/* canon_rig.c - see canon_rig.h. */
#include "canon_rig.h"

#include <stdio.h>

#include <check.h>

struct hsw_canon canon;
struct hsw_request canon_request = { .size = sizeof(canon_request), .received_ms = RECEIVED };
struct hsw_emit out;

void
canon_setup(void)
{
	canon_start(&canon, &canon_request, (struct hsw_str){ NULL, 0 });
}

void
canon_teardown(void)
{
	canon_free(&canon);
}

struct hsw_str
str(const char *s)
{
	return (struct hsw_str){ s, strlen(s) };
}

int
canon_collect(struct hsw_emit *e, const struct hsw_event *event)
{
	size_t n = 0, least = 0;

	e->n++;
	e->type[0] = '\0';
	snprintf(e->instance, sizeof(e->instance), "%.*s", (int)event->instance.len,
		event->instance.s != NULL ? event->instance.s : "");
	if (event->type == NULL)
		return HSW_OK;
	for (size_t i = 0; i < event->pieces; i++) {
		const struct hsw_piece *p = &event->data[i];
		memcpy(e->text + n, p->bytes.s, p->bytes.len);
		n += p->bytes.len;
		if (p->part == 0) {
			memcpy(e->least + least, p->bytes.s, p->bytes.len);
			least += p->bytes.len;
		}
	}
	e->text[n] = e->least[least] = '\0';
	snprintf(e->type, sizeof(e->type), "%s", event->type);
	snprintf(e->key, sizeof(e->key), "%.*s", (int)event->key.len, event->key.s);
	if (event->identity.len > 0)
		memcpy(e->identity, event->identity.s, event->identity.len);
	e->identity_len = event->identity.len;
	return HSW_OK;
}

void
canon_finish(void)
{
	ck_assert_int_eq(canon_emit(&canon, str("x"), canon_collect, &out), HSW_OK);
}

void
canon_assert_string(struct hsw_str s, const char *expected)
{
	canon_begin(&canon, "message.status", str(""));
	canon_open_object(&canon, NULL);
	canon_string(&canon, "k", s);
	canon_close_object(&canon);
	canon_finish();
	ck_assert_str_eq(out.text, expected);
}
