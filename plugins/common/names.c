/* SPDX-License-Identifier: Apache-2.0 */
/* names.c - see names.h. */
#include "names.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct name {
	char *text;
	size_t len;
	int64_t id;
};

static int
compare(const struct name *k, struct hsw_str name)
{
	size_t both = k->len < name.len ? k->len : name.len;
	int order = both > 0 ? memcmp(k->text, name.s, both) : 0;

	return order != 0 ? order : (k->len > name.len) - (k->len < name.len);
}

/* Where the name is, or where it would have to be inserted. */
static size_t
place_of(const struct names *names, struct hsw_str name)
{
	size_t low = 0, high = names->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (compare(&names->all[mid], name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool
is_at(const struct names *names, size_t at, struct hsw_str name)
{
	return at < names->n && compare(&names->all[at], name) == 0;
}

int64_t
names_find(const struct names *names, struct hsw_str name)
{
	size_t at = place_of(names, name);

	return is_at(names, at, name) ? names->all[at].id : 0;
}

int
names_add(struct names *names, struct hsw_str name, int64_t id)
{
	size_t at = place_of(names, name);
	struct name *grown = realloc(names->all, (names->n + 1) * sizeof(*grown));
	char *copy = malloc(name.len + 1);

	if (grown != NULL)
		names->all = grown;
	if (grown == NULL || copy == NULL) {
		free(copy);
		return HSW_ENOMEM;
	}
	memcpy(copy, name.s, name.len);
	memmove(&grown[at + 1], &grown[at], (names->n - at) * sizeof(*grown));
	grown[at] = (struct name){ copy, name.len, id };
	names->n++;
	return HSW_OK;
}

void
names_remove(struct names *names, struct hsw_str name)
{
	size_t at = place_of(names, name);

	if (!is_at(names, at, name))
		return;
	free(names->all[at].text);
	names->n--;
	memmove(&names->all[at], &names->all[at + 1], (names->n - at) * sizeof(names->all[0]));
}

void
names_clear(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->all[i].text);
	free(names->all);
	*names = (struct names){ 0 };
}
