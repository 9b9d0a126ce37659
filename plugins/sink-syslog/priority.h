/* SPDX-License-Identifier: Apache-2.0 */
/* priority.h - the options `facility` and `severity`: the PRI of a message (RFC 5424 section 6.2.1). */
#ifndef PRIORITY_H
#define PRIORITY_H

#include <hookswitch/plugin.h>

struct priorities;

/* Rules: "call.update: notice", "message.*: debug" or "notice" for all others; of facility likewise, with
 * "local0". NULL: none; then events are daemon and info. They are borrowed until priorities_free. NULL is
 * returned on an error, also for a type that no event has: err tells why. */
struct priorities *priorities_new(
	const char *const *facility, const char *const *severity, struct hsw_error *err);
void priorities_free(struct priorities *);

/* The PRI of an event of this type: the first rule of each option that fits decides. */
int priority_of(const struct priorities *, struct hsw_str type);

#endif
