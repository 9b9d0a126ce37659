/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_sum.c - a sum of each section, for others to compare with (see config.h). It has 16 bits, so that nobody
 * learns a secret from it, not even by trying; one difference in 65,536 goes unseen for that.
 */
#include <string.h>

#include "config_impl.h"
#include "crypt.h"
#include "err.h"

/* The order of the keys means nothing. */
static bool
sum_section(struct hasher *hasher, const struct ini_section *s, uint16_t *sum)
{
	unsigned char digest[SHA256_BYTES];

	*sum = 0;
	for (const struct ini_entry *e = s->entries; e != NULL; e = e->next) {
		const struct hsw_str parts[] = { { e->key, strlen(e->key) + 1 },
			{ e->value, strlen(e->value) } };
		if (!hasher_sha256(hasher, parts, 2, digest))
			return false;
		*sum ^= (uint16_t)(digest[0] << 8 | digest[1]);
	}
	return true;
}

int
config_sums(const struct config *c,
	void (*fn)(void *arg, const char *kind, const char *name, uint16_t sum), void *arg,
	struct hsw_error *err)
{
	struct hasher *hasher = hasher_new();
	bool is_good = hasher != NULL;
	uint16_t sum;

	for (const struct ini_section *s = c->private->ini.sections; is_good && s != NULL;
		s = s->next) {
		if (s->name == NULL)
			continue;
		is_good = sum_section(hasher, s, &sum);
		if (is_good)
			fn(arg, s->kind, s->name, sum);
	}
	hasher_free(hasher);
	return is_good ? HSW_OK : err_set(err, HSW_ENOMEM, "out of memory");
}
