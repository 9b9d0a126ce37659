/* SPDX-License-Identifier: Apache-2.0 */
/* forwarded.h - the client behind proxies: X-Forwarded-For, X-Forwarded-Proto, Forwarded (RFC 7239). */
#ifndef FORWARDED_H
#define FORWARDED_H

#include "address.h"
#include "config.h"

/* What a request's headers say; s = NULL: it has no such header. Where a header stands in several lines, all of them
 * as one list, with commas. */
struct forwarded_headers {
	struct hsw_str xff, proto, forwarded;
};

/*
 * client holds the peer's address, is_local and is_https what its connection is; they become the client's.
 * A header is believed from a trusted peer only. Of its addresses the last one that is no trusted proxy is
 * the client: what stands before it, the client may have made up.
 *
 * A request that came through a proxy, trusted or not, is local only if its client is, too.
 */
struct forwarded_client {
	struct address address;
	bool is_local, is_https;
};

void forwarded_apply(const struct server_conf *, const struct forwarded_headers *,
	struct forwarded_client *client);

#endif
