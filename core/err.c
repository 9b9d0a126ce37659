/* SPDX-License-Identifier: Apache-2.0 */
/* err.c - see err.h. */
#include "err.h"

#include <stdarg.h>
#include <stdio.h>

int
err_set(struct hsw_error *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}
