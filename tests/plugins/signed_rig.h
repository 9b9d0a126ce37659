/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signed_rig.h - what tests of sources share whose body is one JSON object, signed with a key of the section: how
 * they refuse signatures and bodies. Each fails the running test with a message.
 */
#ifndef SIGNED_RIG_H
#define SIGNED_RIG_H

#include "source_rig.h"

/* As such plugins have it: see their option tables. */
struct signed_conf {
	const char *hmac_key;
	const char *others[2]; /* further options */
};

extern const struct signed_conf signed_plain; /* without a key */

/* What verify says of the body with this header alone; value = NULL: without it. */
int signed_verify(const struct hsw_source_ops *, const char *key, struct hsw_str body,
	const char *header, const char *value);
/* The signature of that body is taken, none that differs from it is, and without a key nothing is looked at. */
void signed_check_signature(const struct hsw_source_ops *, const char *key, struct hsw_str body,
	const char *header, const char *signature);
/* Bodies that are no JSON, no object, or name no event in member, are refused with the reason. */
void signed_check_bad_bodies(
	const struct hsw_source_ops *, const char *member, const char *example);
/* The payload (as source_fixture_path wants it) is refused if it was cut anywhere, and read if not. */
void signed_check_cuts(const struct hsw_source_ops *, const char *name);
/* Nothing that a body says of S3CRET leaves, but in parts. */
void signed_check_secrets(const struct hsw_source_ops *, const char *body);

#endif
