/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_envelope.c - envelopes of the fake host. Any thread may take and give back references.
 */
#include "fake_private.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct hsw_envelope {
	_Atomic int refs;
	int64_t received_ms;
	char *field[HSW_F_KEY + 1];
	size_t count;
	struct fake_piece piece[];
};

const struct hsw_envelope *
fake_host_ref(const struct hsw_envelope *env)
{
	atomic_fetch_add(&((struct hsw_envelope *)env)->refs, 1);
	return env;
}

void
fake_unref(const struct hsw_envelope *env)
{
	struct hsw_envelope *e = (struct hsw_envelope *)env;

	if (e == NULL)
		return;
	int left = atomic_fetch_sub(&e->refs, 1) - 1;
	if (left < 0)
		fake_breach("unref of an envelope without references");
	if (left > 0)
		return;
	for (size_t i = 0; i <= HSW_F_KEY; i++)
		free(e->field[i]);
	for (size_t i = 0; i < e->count; i++)
		free((void *)e->piece[i].bytes);
	free(e);
}

static void *
copy_of(const void *bytes, size_t len)
{
	void *p = fake_must(malloc(len > 0 ? len : 1));

	if (len > 0)
		memcpy(p, bytes, len);
	return p;
}

const struct hsw_envelope *
fake_envelope_new(const struct fake_event *ev)
{
	const char *fields[] = { ev->id, ev->type, ev->instance, ev->provider, ev->key };
	static const char *const defaults[] = { "evt_0123456789abcdef0123456789abcdef",
		"message.exchange", "sales", "evolution", "4915112345678@s.whatsapp.net" };
	struct hsw_envelope *e = fake_must(calloc(1, sizeof(*e) + ev->count * sizeof(e->piece[0])));

	e->refs = 1;
	e->received_ms = ev->received_ms ? ev->received_ms : fake_clock_ms(CLOCK_REALTIME);
	for (size_t i = 0; i <= HSW_F_KEY; i++)
		e->field[i] = fake_must(strdup(fields[i] != NULL ? fields[i] : defaults[i]));
	for (; e->count < ev->count; e->count++) {
		struct fake_piece p = ev->pieces[e->count];
		p.bytes = copy_of(p.bytes, p.len);
		e->piece[e->count] = p;
	}
	return e;
}

const struct hsw_envelope *
fake_envelope_text(const char *json)
{
	struct fake_piece p = { .bytes = json, .len = strlen(json) };

	return fake_envelope_new(&(struct fake_event){ .pieces = &p, .count = 1 });
}

struct hsw_str
fake_host_get(const struct hsw_envelope *e, enum hsw_field field)
{
	return (struct hsw_str){ .s = e->field[field], .len = strlen(e->field[field]) };
}

int64_t
fake_host_received_ms(const struct hsw_envelope *e)
{
	return e->received_ms;
}

int
fake_host_iov(const struct hsw_envelope *e, unsigned parts, struct iovec *iov, int n)
{
	int used = 0;

	for (size_t i = 0; i < e->count; i++) {
		const struct fake_piece *p = &e->piece[i];
		if (p->part != 0 && (p->part & parts) == 0)
			continue;
		if (used == n)
			return HSW_ELIMIT;
		iov[used++] = (struct iovec){ .iov_base = (void *)p->bytes, .iov_len = p->len };
	}
	return used;
}
