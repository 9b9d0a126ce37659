/* SPDX-License-Identifier: Apache-2.0 */
/* signature.h - checks a body's HMAC, as providers put it into a header. */
#ifndef COMMON_SIGNATURE_H
#define COMMON_SIGNATURE_H

#include <stdbool.h>

#include <hookswitch/plugin.h>

/*
 * Whether hex (either case) is the HMAC of the bytes. digest: "SHA256" or "SHA512". How long it takes does not
 * tell where the two differ.
 */
bool signature_is(const char *digest, const char *key, struct hsw_str bytes, struct hsw_str hex);

/* The same for what X-Hub-Signature-256 has: "sha256=" and the HMAC. */
bool signature_is_hub(const char *key, struct hsw_str bytes, struct hsw_str header);

/* Fills err for a header that is not there or is not the one expected, and returns HSW_EAUTH. */
int signature_refuse(const char *header, bool is_missing, struct hsw_error *err);

#endif
