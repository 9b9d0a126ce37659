/* SPDX-License-Identifier: Apache-2.0 */
/* auth.h - the credential of a request: header `token`, Authorization (Bearer or bare), or ?token=. */
#ifndef AUTH_H
#define AUTH_H

#include "http.h"

/* The token that the request brings, the caller's; false: none, and out is empty. The first of the three that is not
 * empty: a program whose variable is not set sends an empty one. */
bool auth_token(const struct http_request *, struct buf *out);

enum auth { AUTH_OK, AUTH_MISSING, AUTH_WRONG };

/* What the 401 says. */
const char *auth_message(enum auth);

#endif
