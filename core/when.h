/* SPDX-License-Identifier: Apache-2.0 */
/* when.h - points in time as people write them on the command line. */
#ifndef WHEN_H
#define WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include <hookswitch/plugin.h>

/*
 * Reads RFC 3339; the same without an offset, without seconds or without a time of day, which are of the
 * local zone (TZ); `today` and `yesterday`, their local midnights; and how long before now, such as 90m, 2h,
 * 3d. now_ms and *out: milliseconds since 1970. HSW_OK, or err says what was expected.
 */
int when_parse(const char *text, int64_t now_ms, int64_t *out, struct hsw_error *err);

#endif
