/* SPDX-License-Identifier: Apache-2.0 */
/* err.h - filling the SDK's error text. */
#ifndef ERR_H
#define ERR_H

#include <hookswitch/plugin.h>

/* Writes the text (cut at HSW_ERROR_SIZE - 1 bytes) and returns code, so that one can
 * `return err_set(err, HSW_EINVAL, "...")`. err may be NULL. */
int err_set(struct hsw_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
