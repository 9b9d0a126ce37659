/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credential.h - what a provider brings with its events to prove itself: the source's token, or, where the
 * section says so, the instance's own. In the header `token`, in Authorization, as ?token=, or as a segment
 * of the path behind the instance, as some providers recommend who can set nothing but a URL.
 */
#ifndef CREDENTIAL_H
#define CREDENTIAL_H

#include "auth.h"
#include "catalog.h"

/*
 * instance: NULL if it is not known. rest: the path behind the instance's name, with its slash; a segment that
 * was the credential is taken out of it, into `scratch`, which is the caller's and must live as long. All
 * comparisons take constant time.
 */
enum auth credential_check(const struct http_request *, const struct source_conf *,
	const struct instance *, struct hsw_str *rest, struct buf *scratch);

#endif
