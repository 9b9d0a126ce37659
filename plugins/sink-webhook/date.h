/* SPDX-License-Identifier: Apache-2.0 */
/* date.h - dates of HTTP headers. */
#ifndef DATE_H
#define DATE_H

#include <stdint.h>

/* Seconds since 1970 of one of the three forms of RFC 9110 section 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT",
 * "Sunday, 06-Nov-94 08:49:37 GMT" (the year that is at most 50 years after now, in seconds since 1970),
 * "Sun Nov  6 08:49:37 1994". The day of the week is not compared. -1: it is none of them, or before
 * 1970. */
int64_t date_parse(const char *text, int64_t now);

#endif
