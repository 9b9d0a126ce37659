/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expressions.h - jq expressions of a section: which events it sends (filter), and what it sends of
 * them (transform). They are compiled once. Where hookswitch is built without libjq there are none.
 */
#ifndef EXPRESSIONS_H
#define EXPRESSIONS_H

#include "conf.h"
#include "pieces.h"

struct expressions;

/* *out is NULL when the options ask for none. HSW_OK, or err says which expression is wrong, and how. */
int expressions_new(const struct webhook_conf *, struct expressions **out, struct hsw_error *err);
/* The same of one, without a handle: compiles it and starts no thread. */
int expressions_check_filter(const struct webhook_conf *, struct hsw_error *err);
int expressions_check_transform(const struct webhook_conf *, struct hsw_error *err);
void expressions_free(struct expressions *); /* NULL is allowed */
/*
 * Runs them on an envelope. HSW_OK: *text is what is to be sent instead, to be freed, or NULL for the
 * envelope itself. HSW_ENOENT: nothing is to be sent. HSW_EINVAL: an expression failed; HSW_ELIMIT: it
 * took too long; err says which.
 */
int expressions_run(
	struct expressions *, const struct pieces *envelope, char **text, struct hsw_error *err);

#endif
