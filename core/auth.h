/* SPDX-License-Identifier: Apache-2.0 */
/* auth.h - the credential of a request: header `token`, Authorization (Bearer or bare), or ?token=. */
#ifndef AUTH_H
#define AUTH_H

#include "catalog.h"
#include "http.h"

enum auth {
	AUTH_OK,
	AUTH_MISSING,
	AUTH_WRONG,
	AUTH_OTHER /* the token of another instance */
};

/* Compares what the request brings with the expected token, in constant time. */
enum auth auth_check(const struct http_request *, struct hsw_str expected);
/* Whether the request may act for the instance: it brings the instance's own token. */
enum auth auth_check_instance(
	const struct http_request *, struct catalog *, const struct instance *);
/* The status of a refusal, and what it says. */
int auth_status(enum auth);
const char *auth_message(enum auth);

#endif
