/* SPDX-License-Identifier: Apache-2.0 */
/* raw.h - a provider's own body, as it may be passed on: JSON without its credentials, else base64. */
#ifndef RAW_H
#define RAW_H

#include "buf.h"

/* Appends a JSON value: the body with every credential in it (apikey, token, jwt, Authorization, mediaKey, in any
 * case) replaced by "[redacted]"; a string of base64 where the body is no JSON. */
void raw_json(struct buf *, struct hsw_str body);

/* Appends "raw." and the provider's name of an event, what is not [A-Za-z0-9._-] as "_"; 64 bytes of it. */
void raw_type(struct buf *, struct hsw_str provider_event);

#endif
