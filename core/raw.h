/* SPDX-License-Identifier: Apache-2.0 */
/* raw.h - a provider's own body, as it may be passed on: JSON without its credentials, else base64. */
#ifndef RAW_H
#define RAW_H

#include <stdbool.h>

#include "buf.h"
#include "crypt.h"

/* Appends a JSON value: the body with every credential in it (apikey, token, jwt, Authorization, mediaKey, in any
 * case) replaced by "[redacted]"; a string of base64 where the body is no JSON. */
void raw_json(struct buf *, struct hsw_str body);

/*
 * Appends what an envelope's source says of the request that it came with:
 *   ,"raw":<the body, as of raw_json, or a string of base64>,"rawSha256":"<hex>","rawType":"<Content-Type>"
 * The digest is that of the body as it came. Of a form's members the values of credentials are replaced, and
 * those in JSON that is a member. A body whose credentials cannot be found, because it is multipart or
 * begins like JSON and cannot be read, and one over RAW_MAX, has no "raw". false: OpenSSL failed, or out of
 * memory.
 */
#define RAW_MAX (128u << 20) /* bytes as they are written */
bool raw_source(struct buf *, struct hasher *, struct hsw_str body, struct hsw_str content_type);

/* A form without its credentials, still a form. What is no form stays as it is. */
void raw_form(struct buf *, struct hsw_str body);
/* Appends the body, which is JSON, without its credentials; false: it is no JSON, nothing is appended. */
bool raw_redact(struct buf *, struct hsw_str body);
/* Whether a member of this name is a credential. */
bool raw_is_credential(const char *name);

/* Appends "raw." and the provider's name of an event, what is not [A-Za-z0-9._-] as "_"; 64 bytes of it. */
void raw_type(struct buf *, struct hsw_str provider_event);

#endif
