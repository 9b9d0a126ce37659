/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h - the two clocks in milliseconds, and RFC 3339 text. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdbool.h>
#include <stdint.h>

int64_t clock_mono_ms(void); /* never goes back; its zero means nothing */
int64_t clock_wall_ms(void); /* since 1970, UTC */

/* "2026-11-21T02:53:48.123Z" (RFC 3339) and a NUL. Years 1970 to 9999; outside: the nearer end. */
#define CLOCK_LAST_MS 253402300799999 /* 9999-12-31T23:59:59.999Z */
#define CLOCK_TEXT_SIZE 25
void clock_text(int64_t wall_ms, char text[CLOCK_TEXT_SIZE]);
/* Reads an RFC 3339 text, with Z or an offset, whole seconds or a fraction: milliseconds since 1970. It may be
 * written down to the day ("2026-11-21", UTC). Parts of a millisecond are cut off. false: it is none, or is outside
 * the years 1970 to 9999; *out stays as it was. */
bool clock_parse(const char *text, int64_t *wall_ms);

#endif
