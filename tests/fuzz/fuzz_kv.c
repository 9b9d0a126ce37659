/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_kv.c - any bytes as a key, and as a value of each table, of a store made with hookswitch/kv.h. A key that is
 * understood is written again as the same bytes, and so is an event. The first byte says which.
 */
#include <stdlib.h>

#include "kv/code.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_same(struct kv_bytes *written, struct hsw_str text)
{
	if (written->rc != HSW_OK ||
		!kv_is_same((struct hsw_str){ written->s, written->len }, text))
		abort();
	kv_bytes_free(written);
}

static void
check_key(struct hsw_str text)
{
	struct kv_bytes written = { .rc = HSW_OK };
	struct kv_strings strings;
	struct kv_key key;

	if (!kv_read_key(text, &key, &strings))
		return;
	kv_add_key(&written, &key);
	check_same(&written, text);
}

static void
check_event(struct hsw_str text)
{
	struct kv_bytes written = { .rc = HSW_OK };
	struct hsw_store_event e;

	if (!kv_read_event(text, &e))
		return;
	kv_add_event(&written, &e);
	check_same(&written, text);
}

static void
check_exception(struct hsw_str text)
{
	struct kv_bytes written = { .rc = HSW_OK };
	struct hsw_store_exception x;

	if (!kv_read_exception(text, &x))
		return;
	kv_add_exception(&written, x.attempts, x.due_ms, x.status, x.text);
	check_same(&written, text);
}

static void
check_memo(struct hsw_str text)
{
	struct kv_bytes written = { .rc = HSW_OK };
	struct hsw_str memo;
	int64_t at_ms;

	if (!kv_read_memo(text, &at_ms, &memo))
		return;
	kv_add_memo(&written, at_ms, memo);
	check_same(&written, text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const checks[])(
		struct hsw_str) = { check_key, check_event, check_exception, check_memo };

	if (size > 0)
		checks[data[0] % 4]((struct hsw_str){ (const char *)data + 1, size - 1 });
	return 0;
}
