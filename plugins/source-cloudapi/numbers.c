/* SPDX-License-Identifier: Apache-2.0 */
/* numbers.c - the option numbers: "<phone number id>: <instance>", and so on. */
#include "cloudapi.h"

#include <stdio.h>
#include <string.h>

#define INSTANCE_MAX 64 /* bytes of an instance's name */
#define ID_MAX 32       /* digits of Meta's id of a number */

static const char digits[] = "0123456789";
static const char name_bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/* What stands behind "<id>:" and blanks; NULL: the item is malformed. *id_len: how long the id is. */
static const char *
name_in(const char *item, size_t *id_len)
{
	*id_len = strspn(item, digits);
	const char *colon = item + *id_len + strspn(item + *id_len, " \t");

	if (*id_len == 0 || *id_len > ID_MAX || *colon != ':')
		return NULL;
	const char *name = colon + 1 + strspn(colon + 1, " \t");
	size_t len = strspn(name, name_bytes);
	return len > 0 && len <= INSTANCE_MAX && name[len] == '\0' ? name : NULL;
}

static const char *
find(const char *const *numbers, size_t n, struct hsw_str id)
{
	for (size_t i = 0; i < n && numbers[i] != NULL; i++) {
		size_t len;
		const char *name = name_in(numbers[i], &len);
		if (name != NULL && len == id.len && memcmp(numbers[i], id.s, len) == 0)
			return name;
	}
	return NULL;
}

int
numbers_check(const char *const *numbers, struct hsw_error *err)
{
	for (size_t i = 0; numbers != NULL && numbers[i] != NULL; i++) {
		size_t len;
		if (name_in(numbers[i], &len) == NULL) {
			snprintf(err->text, sizeof(err->text),
				"numbers: found `%.80s`, expected <phone number id>: <instance>, "
				"as in 106540352242922: sales",
				numbers[i]);
			return HSW_EINVAL;
		}
		if (find(numbers, i, (struct hsw_str){ numbers[i], len }) != NULL) {
			snprintf(err->text, sizeof(err->text), "numbers: %.*s is there twice",
				(int)len, numbers[i]);
			return HSW_EINVAL;
		}
	}
	return HSW_OK;
}

struct hsw_str
numbers_instance(const char *const *numbers, struct hsw_str id)
{
	const char *name = numbers != NULL && id.len > 0 ? find(numbers, SIZE_MAX, id) : NULL;

	return name != NULL ? (struct hsw_str){ name, strlen(name) } : id;
}
