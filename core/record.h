/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h - the records of the settings as JSON text, and batches of their writes. Members that hold
 * secrets are sealed; one that cannot be opened is kept as it is. Store thread.
 */
#ifndef RECORD_H
#define RECORD_H

#include "settings.h"

extern const char record_instance[], record_webhook[], record_websocket[], record_key[],
	record_version[];
/* Of a destination, whose name it has; no setting: destination_attempts.c. */
extern const char record_attempts[];
/* What was last seen of an instance, whose name it has; no setting: states.c. */
extern const char record_state[];

/* ---- batches: writes that are one transaction ---- */

struct record_item;

struct record_batch {
	struct record_item *first, **last;
	size_t n;
	bool failed; /* out of memory: it cannot be committed */
};

void record_batch_init(struct record_batch *);
/* Takes the text's memory. name: parts that are joined by "/"; sub may be NULL. */
void record_put(struct record_batch *, const char *kind, struct hsw_str name, const char *sub,
	struct buf *text);
/* As record_put, in the place of a record with the text `before`; empty: of none. Where another one is there,
 * nothing of the batch is committed: HSW_ENOENT. before is borrowed until the commit. */
void record_replace(struct record_batch *, const char *kind, struct hsw_str name,
	struct hsw_str before, struct buf *text);
void record_forget(struct record_batch *, const char *kind, struct hsw_str name, const char *sub);
/* What is said of the settings follows the version whose record's text is `before`; empty: none. Where another one is
 * there by now, nothing of the batch is committed: HSW_ENOENT. The first of the batch, so that who comes second waits
 * before it has touched anything. next, NULL or empty, gets the text of the version that this makes; before is
 * borrowed until the commit. */
void record_follow(struct record_batch *, struct hsw_str before, struct buf *next);
/* Commits and empties it. HSW_OK, or the store's error. */
int record_commit(struct record_batch *, const struct store_port *, struct hsw_error *err);

/* Has the store forget a destination, and its attempts. HSW_OK, or the store's error. */
int record_detach(const struct store_port *, struct hsw_str destination, struct hsw_error *err);

/* ---- texts ---- */

/* They fail by text->failed. */
void record_print_instance(struct seal *, const struct instance_settings *, struct buf *text);
void record_print_webhook(
	struct seal *, struct hsw_str instance, const struct webhook *, struct buf *text);
void record_print_websocket(const struct websocket *, struct buf *text);
/* Another one each time, also in a store that is an older one again. */
void record_print_version(struct buf *text);
void record_print_state(const struct instance *, const struct instance_seen *, struct buf *text);
void record_print_key(struct seal *, const unsigned char salt[SEAL_SALT_BYTES], struct buf *text);

/* The instance; its token is kept as sealed_token where it cannot be opened. NULL: no memory, or damaged. */
struct instance_settings *record_read_instance(
	struct seal *, struct hsw_str name, struct hsw_str text);
struct webhook *record_read_webhook(
	struct seal *, struct hsw_str instance, struct hsw_str label, struct hsw_str text);
bool record_read_websocket(struct hsw_str text, struct websocket *out);
/* id: of the instance that it was seen of. false: it is damaged. */
bool record_read_state(struct hsw_str text, char id[INSTANCE_ID_SIZE], struct instance_seen *out);
/* check gets the sealed value, empty where there was no key. */
bool record_read_key(struct hsw_str text, unsigned char salt[SEAL_SALT_BYTES], struct buf *check);
/* Whether the seal opens the value of record_print_key. */
bool record_is_key(struct seal *, struct hsw_str check);

/* What stands in the place of a secret that was given up, since nothing can decrypt it: no seal opens it, so it is
 * missed until it is set anew. */
extern const char record_lost[];

/* Is told what is given up; record and member are borrowed. */
struct record_losses {
	void *arg;
	void (*lost)(void *arg, const struct hsw_store_record *, const char *member);
};

/* Appends the record's text with every sealed value opened by one and closed by another. What cannot be opened is
 * given up and told to losses; where that is NULL it is an error: HSW_EAUTH: by its key; HSW_EINVAL: it is no sealed
 * value, or the record is no JSON object. HSW_OK or one of these. What was given up before stays so. */
int record_reseal(const struct hsw_store_record *, struct seal *from, struct seal *to,
	const struct record_losses *losses, struct buf *out);

#endif
