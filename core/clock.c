/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c - see clock.h. */
#include "clock.h"

#include <time.h>

#define LAST_MS 253402300799999 /* 9999-12-31T23:59:59.999Z */

static int64_t
read_clock(clockid_t id)
{
	struct timespec ts;
	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
clock_mono_ms(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t
clock_wall_ms(void)
{
	return read_clock(CLOCK_REALTIME);
}

/* Writes `digits` decimal digits of value. */
static void
put_digits(char *at, int digits, int64_t value)
{
	while (digits-- > 0) {
		at[digits] = (char)('0' + value % 10);
		value /= 10;
	}
}

/*
 * Days since 1970 to a date of the proleptic Gregorian calendar, counted in years that begin on
 * 1 March, so that a leap day is the last of its year. 400 years are 146097 days.
 */
static void
civil_date(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
	int64_t z = days + 719468, era = z / 146097, doe = z % 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = yoe + era * 400 + (*month <= 2);
}

void
clock_text(int64_t ms, char text[CLOCK_TEXT_SIZE])
{
	static const char form[] = "0000-00-00T00:00:00.000Z";
	int64_t year, month, day;

	ms = ms < 0 ? 0 : ms > LAST_MS ? LAST_MS : ms;
	civil_date(ms / 86400000, &year, &month, &day);
	for (int i = 0; i < CLOCK_TEXT_SIZE; i++)
		text[i] = form[i];
	put_digits(text, 4, year);
	put_digits(text + 5, 2, month);
	put_digits(text + 8, 2, day);
	put_digits(text + 11, 2, ms / 3600000 % 24);
	put_digits(text + 14, 2, ms / 60000 % 60);
	put_digits(text + 17, 2, ms / 1000 % 60);
	put_digits(text + 20, 3, ms % 1000);
}
