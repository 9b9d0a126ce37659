/* SPDX-License-Identifier: Apache-2.0 */
/* owner.h - the options `user` and `group`. */
#ifndef OWNER_H
#define OWNER_H

#include <hookswitch/plugin.h>

#include "disk.h"

/* Finds the numbers of a user and group, either of which may be NULL or a number. HSW_EINVAL: there
 * is none, or we may not give files to them. */
int owner_find(const char *user, const char *group, struct disk_owner *, struct hsw_error *err);

#endif
