/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_option.c - any text as the value of an option of each type, and as what a section says about attempts. The
 * first byte says which.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "buf.h"
#include "option.h"
#include "policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct values {
	const char *text, *secret, *url, *path;
	const char **list;
	bool flag;
	int64_t number, size, time;
	int choice;
};

static const char *const choices[] = { "red", "green", NULL };

#define AT(member) offsetof(struct values, member)
static const struct hsw_option table[] = {
	{ "text", HSW_OPT_STRING, 0, AT(text), NULL, 0, 0, NULL, "h" },
	{ "secret", HSW_OPT_SECRET, 0, AT(secret), NULL, 0, 0, NULL, "h" },
	{ "url", HSW_OPT_URL, 0, AT(url), NULL, 0, 0, NULL, "h" },
	{ "path", HSW_OPT_PATH, 0, AT(path), NULL, 0, 0, NULL, "h" },
	{ "list", HSW_OPT_LIST, 0, AT(list), NULL, 0, 0, NULL, "h" },
	{ "flag", HSW_OPT_BOOL, 0, AT(flag), NULL, 0, 0, NULL, "h" },
	{ "number", HSW_OPT_INT, 0, AT(number), NULL, -5, 1000, NULL, "h" },
	{ "size", HSW_OPT_SIZE, 0, AT(size), NULL, 0, 0, NULL, "h" },
	{ "time", HSW_OPT_MSEC, 0, AT(time), NULL, 0, 0, NULL, "h" },
	{ "choice", HSW_OPT_ENUM, 0, AT(choice), NULL, 0, 0, choices, "h" },
	{ NULL, HSW_OPT_STRING, 0, 0, NULL, 0, 0, NULL, NULL },
};
#define TYPES (sizeof(table) / sizeof(table[0]) - 1)

static void
check_option(const struct hsw_option *o, const char *text)
{
	struct values values = { .text = NULL };
	struct hsw_error err = { "" };
	int rc = HSW_OK;

	/* A secret may name a file: any is none of ours. */
	if (text[0] != '@' && strchr(text, '$') == NULL)
		rc = option_set(o, &values, text, "/etc/hookswitch", &err);
	option_free(table, &values);
	if (rc == HSW_OK)
		rc = option_set_plain(o, &values, text, &err);
	if (rc != HSW_OK && err.text[0] == '\0')
		abort();
	if (values.number < -5 || values.number > 1000 || values.size < 0 || values.time < 0 ||
		values.choice < 0 || values.choice > 1)
		abort();
	option_free(table, &values);
}

static void
count_wrong(void *arg, const char *key, const char *why)
{
	unsigned *wrong = arg;

	if (key == NULL || why[0] == '\0')
		abort();
	(*wrong)++;
}

/* The list's items as the texts of an option. */
static void
check_policy(unsigned which, const char *text)
{
	struct values values = { .text = NULL };
	struct hsw_error err = { "" };
	struct sink_conf conf = { .concurrency_text = "auto", .policy = POLICY_RYZE };
	unsigned wrong = 0;

	if (option_set_plain(option_find(table, "list"), &values, text, &err) == HSW_OK) {
		conf.retry = which == 0 ? values.list : NULL;
		conf.retry_on = which == 1 ? values.list : NULL;
		conf.drop_on = which == 2 ? values.list : NULL;
		conf.rate = which == 3 ? text : NULL;
		conf.concurrency_text = which == 4 ? text : "auto";
		policy_read(&conf, count_wrong, &wrong);
		if (wrong == 0) {
			for (size_t i = 0; i < conf.retry_steps; i++) {
				if (conf.retry_ms[i] < 0)
					abort();
			}
			for (int status = 0; status < 2 * STATUS_END; status++)
				policy_outcome(&conf, HSW_RETRY, status);
			if (conf.rate_interval_us < 0 || conf.concurrency < 0 ||
				conf.retry_steps > RETRY_STEPS_MAX)
				abort();
		}
	}
	option_free(table, &values);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	char *text = strndup((const char *)data + 1, size - 1);
	if (text == NULL)
		abort();
	unsigned which = data[0] % (TYPES + 5);
	if (which < TYPES)
		check_option(&table[which], text);
	else
		check_policy(which - TYPES, text);
	free(text);
	return 0;
}
