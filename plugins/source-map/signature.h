/* SPDX-License-Identifier: Apache-2.0 */
/* signature.h - proofs of origin: an HMAC, in a header, over the body or over the URL and a form's fields. */
#ifndef MAP_SIGNATURE_H
#define MAP_SIGNATURE_H

#include <hookswitch/source.h>

enum signature_hash { SIGNATURE_SHA1, SIGNATURE_SHA256, SIGNATURE_SHA512 };
enum signature_encoding { SIGNATURE_HEX, SIGNATURE_BASE64 };
enum signature_over {
	SIGNATURE_BODY, /* the bytes of the body */
	SIGNATURE_FORM /* Twilio's: the URL, then the name and value of each field, sorted by name */
};

struct signature {
	const char *key;          /* NULL: requests are not signed */
	const char *header;       /* that has it */
	const char *prefix;       /* of its value, "sha256="; NULL: none */
	const char *url;          /* of the section as the provider has it, for SIGNATURE_FORM */
	int hash, encoding, over; /* of the enums above */
};

/* HSW_OK, HSW_EAUTH (err says what is wrong, never what would be right), HSW_EINVAL, HSW_ENOMEM. */
int signature_check(const struct signature *, const struct hsw_request *, struct hsw_error *err)
	__attribute__((warn_unused_result));

#endif
