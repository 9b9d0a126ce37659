/* SPDX-License-Identifier: Apache-2.0 */
/* secret.h - compares a credential that came with the one that is configured. */
#ifndef COMMON_SECRET_H
#define COMMON_SECRET_H

#include <stdbool.h>

#include <hookswitch/plugin.h>

/* How long it takes does not tell where the two differ. Nothing is an empty `wanted`. */
bool secret_is(struct hsw_str given, const char *wanted);

#endif
