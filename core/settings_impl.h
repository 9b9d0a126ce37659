/* SPDX-License-Identifier: Apache-2.0 */
/* settings_impl.h - what settings.c, settings_load.c and settings_key.c share. Store thread. */
#ifndef SETTINGS_IMPL_H
#define SETTINGS_IMPL_H

#include "settings.h"

/* A copy of what the store reads. */
struct loaded {
	struct loaded *next;
	struct hsw_store_record record;
	char memory[];
};

struct loading {
	struct loaded *first, **last;
	size_t n;
	struct buf
		version; /* the text of its record, which is not in the list; empty: there is none */
	struct loaded
		*states; /* what was seen of instances: no settings, nothing in them is sealed */
	bool failed;
	bool is_incomplete; /* what the store holds is a part of another one */
};

/* All records of settings; to be given to settings_free_all either way. HSW_OK, or the store's error. */
int settings_read_all(struct loading *, const struct store_port *, struct hsw_error *err);
void settings_free_all(struct loading *);

/* Makes s->seal, seals what stands readable where the store had no key, and reads that again. HSW_OK, or as
 * settings_load. */
int settings_open_key(
	struct settings *, struct loading *, const struct store_port *, struct hsw_error *err);

/* Has the batch forget what an earlier instance of that name has left in the store. The instance itself is not there. */
struct record_batch;
void settings_forget_strays(
	const struct settings *, struct hsw_str instance, struct record_batch *);
void settings_free_strays(struct settings *);

#endif
