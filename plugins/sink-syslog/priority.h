/* SPDX-License-Identifier: Apache-2.0 */
/* priority.h - the options `facility` and `severity`: the PRI of a message (RFC 5424 section 6.2.1). */
#ifndef PRIORITY_H
#define PRIORITY_H

#include <hookswitch/plugin.h>

/* Names of the facilities, by number; ends with NULL. */
extern const char *const priority_facilities[];

struct priorities;

/* rules: "call.update: notice", "message.*: debug" or "notice" for all others; NULL: none. They are
 * borrowed until priorities_free. NULL: err tells why. */
struct priorities *priorities_new(int facility, const char *const *rules, struct hsw_error *err);
void priorities_free(struct priorities *);

/* The PRI of an event of this type: the first rule that fits decides. */
int priority_of(const struct priorities *, struct hsw_str type);

#endif
