/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_envelope.c - any row as a store may hand it back: it is refused, or is an envelope whose every part lies in
 * its body and whose layout is the row's.
 */
#include <stdlib.h>

#include "buf.h"
#include "envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct hsw_str token = { ",\"token\":\"T\"", 12 };

/* Reads every byte, so that a sanitizer sees those that are not there. */
static uint64_t
read_all(const struct hsw_envelope *e, unsigned parts)
{
	struct iovec iov[HSW_IOV_MAX];
	uint64_t hash = HASH_START;
	int n = envelope_iov(e, parts, iov, HSW_IOV_MAX);

	if (n < 0 && n != HSW_ELIMIT)
		abort();
	for (int i = 0; i < n; i++)
		hash = str_hash(hash, (struct hsw_str){ iov[i].iov_base, iov[i].iov_len });
	return hash;
}

static void
check(const struct hsw_envelope *e, const struct hsw_store_event *row)
{
	static const char *const members[] = { "chat", "id", "" };
	unsigned char layout[ENVELOPE_LAYOUT_MAX];
	volatile uint64_t hash = HASH_START;
	unsigned char id[HSW_EVENT_ID_BYTES];

	for (unsigned parts = 0; parts < 64; parts++)
		hash ^= read_all(e, parts);
	for (int field = HSW_F_ID; field <= HSW_F_KEY; field++)
		hash = str_hash(hash, envelope_field(e, (enum hsw_field)field));
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		hash = str_hash(hash, envelope_text(e, members[i]));
	size_t n = envelope_layout(e, layout);
	if (e->is_damaged ? n != 0 : !str_equal(row->layout, (struct hsw_str){ (const char *)layout, n }))
		abort();
	if (!envelope_id_parse(envelope_field(e, HSW_F_ID), id) ||
		memcmp(id, row->id, sizeof(id)) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = { "message.exchange", "label.update", "raw.x", "other" };
	struct hsw_store_event row = { .seq = 1,
		.received_ms = 1795239228123,
		.instance = str_of("sales"),
		.provider = str_of("evolution"),
		.key = str_of("123@s.whatsapp.net") };

	if (size < 2)
		return 0;
	size_t layout = data[0] < size - 2 ? data[0] : size - 2;
	row.type = str_of(types[data[1] % 4]);
	row.layout = (struct hsw_str){ (const char *)data + 2, layout };
	row.body = (struct hsw_str){ (const char *)data + 2 + layout, size - 2 - layout };
	memcpy(row.id, data, size < sizeof(row.id) ? size : sizeof(row.id));
	struct hsw_envelope *e = envelope_from_row(&row, data[1] < 128 ? token : str_of(""));
	if (e != NULL)
		check(e, &row);
	envelope_unref(e);
	return 0;
}
