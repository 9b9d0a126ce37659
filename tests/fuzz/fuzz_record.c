/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_record.c - any text as a record of the settings, with a key and without: what was understood is printed and
 * understood again as the same. The first byte says which kind.
 */
#include <stdlib.h>

#include "record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const unsigned char salt[SEAL_SALT_BYTES] = "0123456789abcde";
static const struct hsw_str instance = { "sales", 5 }, label = { "default", 7 };
static struct seal *plain, *keyed;

static void
stop(void)
{
	seal_free(plain);
	seal_free(keyed);
}

static void
start(void)
{
	static const char key[] =
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
	struct hsw_error err;

	plain = seal_new(NULL, salt, &err);
	keyed = seal_new(key, salt, &err);
	if (plain == NULL || keyed == NULL || atexit(stop) != 0)
		abort();
}

/* Appends what was understood; false: nothing was. */
static bool
print_instance(struct hsw_str text, struct buf *out)
{
	struct instance_settings *i = record_read_instance(plain, instance, text);

	if (i == NULL)
		return false;
	record_print_instance(plain, i, out);
	instance_unref(i->instance);
	free(i->sealed_token);
	free(i);
	return true;
}

static bool
print_webhook(struct hsw_str text, struct buf *out)
{
	struct webhook *w = record_read_webhook(plain, instance, label, text);

	if (w != NULL)
		record_print_webhook(plain, instance, w, out);
	webhook_free(w);
	return w != NULL;
}

static bool
print_websocket(struct hsw_str text, struct buf *out)
{
	struct websocket w;

	if (!record_read_websocket(text, &w))
		return false;
	record_print_websocket(&w, out);
	return true;
}

static void
check_twice(bool (*print)(struct hsw_str, struct buf *), struct hsw_str text)
{
	struct buf once = BUF_INIT, twice = BUF_INIT;

	if (print(text, &once) &&
		(!print(str_of_buf(&once), &twice) ||
			!str_equal(str_of_buf(&once), str_of_buf(&twice))))
		abort();
	buf_free(&once);
	buf_free(&twice);
}

/* With another key, and back. */
static void
check_reseal(const char *kind, struct hsw_str text)
{
	struct hsw_store_record record = { str_of(kind), instance, text };
	struct buf encrypted = BUF_INIT, back = BUF_INIT, again = BUF_INIT;
	int rc = record_reseal(&record, plain, keyed, NULL, &encrypted);

	if (rc == HSW_OK) {
		record.text = str_of_buf(&encrypted);
		if (record_reseal(&record, keyed, plain, NULL, &back) != HSW_OK)
			abort();
		record.text = str_of_buf(&back);
		if (record_reseal(&record, plain, plain, NULL, &again) != HSW_OK ||
			!str_equal(str_of_buf(&back), str_of_buf(&again)))
			abort();
	}
	buf_free(&encrypted);
	buf_free(&back);
	buf_free(&again);
}

static void
check_key(struct hsw_str text)
{
	unsigned char read[SEAL_SALT_BYTES];
	struct buf check = BUF_INIT;

	if (record_read_key(text, read, &check))
		record_is_key(keyed, str_of_buf(&check));
	buf_free(&check);
}

static void
check_sealed(struct hsw_str text)
{
	struct buf out = BUF_INIT;

	if (seal_open(plain, instance, text, &out) == HSW_OK && seal_is_encrypted(text))
		abort();
	out.len = 0;
	if (seal_open(keyed, instance, text, &out) == HSW_OK && seal_is_encrypted(text))
		abort(); /* it would be a forged one */
	buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (plain == NULL)
		start();
	if (size < 1)
		return 0;
	const struct hsw_str text = { (const char *)data + 1, size - 1 };
	switch (data[0] % 6) {
	case 0:
		check_twice(print_instance, text);
		break;
	case 1:
		check_twice(print_webhook, text);
		break;
	case 2:
		check_twice(print_websocket, text);
		break;
	case 3:
		check_key(text);
		break;
	case 4:
		check_reseal(data[0] & 64 ? record_webhook : record_instance, text);
		break;
	case 5:
		check_sealed(text);
		break;
	}
	return 0;
}
