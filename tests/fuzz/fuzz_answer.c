/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_answer.c - any bytes as a receiver's answer: its Retry-After, its body's beginning, and what people are told
 * of it, which is a line of UTF-8 without controls and without the request's credential.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <hookswitch/canon.h>

#include "answer.h"
#include "conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECRET "s3cretvalue"

static struct target *target;
static struct targets *targets;

static void
stop(void)
{
	target_unref(target);
	targets_free(targets);
}

static void
start(void)
{
	static const struct webhook_conf conf = {
		.url = "http://127.0.0.1:9/hook", .authorization = "Bearer " SECRET, .compress = 0
	};
	struct hsw_error err = { "" };

	targets = targets_new("1");
	target = targets != NULL ? target_get(targets, &conf, &err) : NULL;
	if (target == NULL || atexit(stop) != 0)
		abort();
}

static void
check_text(const char *text)
{
	if (strstr(text, SECRET) != NULL || strlen(text) >= ANSWER_TEXT_SIZE)
		abort();
	if (canon_utf8_length((struct hsw_str){ text, strlen(text) }) != strlen(text))
		abort();
	for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
		if (*c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct answer answer;
	char text[ANSWER_TEXT_SIZE] = "";
	struct hsw_detail detail = { .status = 0 };

	if (target == NULL)
		start();
	if (size < 4)
		return 0;
	answer_reset(&answer);
	answer.status = 100 + (data[0] | (data[1] & 1) << 8);
	size_t cut = data[2];
	data += 3;
	size -= 3;
	answer_retry_after(&answer, (const char *)data, size);
	if (answer.retry_after_ms < 0)
		abort();
	cut = cut < size ? cut : size;
	if (answer_add_body(&answer, (const char *)data, cut))
		answer_add_body(&answer, (const char *)data + cut, size - cut);
	answer_outcome(&answer, CURLE_OK, target, &detail, text);
	check_text(text);
	return 0;
}
