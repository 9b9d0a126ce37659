/* SPDX-License-Identifier: Apache-2.0 */
/* date.c - see date.h. strptime() would read names of the locale. */
#include "date.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CENTURY_AHEAD_MAX 50 /* years; RFC 9110 section 5.6.7 */

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char *const days[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday",
	"Friday", "Saturday" };

/* What follows the day's name, which is short or, with is_long, in full; NULL: there is none. */
static const char *
skip_day(const char *s, bool is_long)
{
	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
		size_t n = is_long ? strlen(days[i]) : 3;
		if (strncmp(s, days[i], n) == 0)
			return s + n;
	}
	return NULL;
}

/* The text must have exactly this form: # is a digit, _ a digit or a space, @ a letter; others are
 * themselves. */
static bool
has_form(const char *s, const char *form)
{
	for (; *form != '\0'; s++, form++) {
		bool is_digit = *s >= '0' && *s <= '9';
		bool is_letter = (*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z');
		if (*form == '#'               ? !is_digit
				: *form == '_' ? !is_digit && *s != ' '
				: *form == '@' ? !is_letter
					       : *s != *form)
			return false;
	}
	return *s == '\0';
}

static bool
read_month(const char name[4], int *month)
{
	const char *at = strstr(months, name);

	*month = at != NULL ? (int)(at - months) / 3 : -1;
	return at != NULL && (at - months) % 3 == 0;
}

static int
year_of_now(int64_t now)
{
	time_t t = (time_t)now;
	struct tm tm;

	return gmtime_r(&t, &tm) != NULL ? tm.tm_year + 1900 : 1970;
}

/* The full year of the last two digits of one. */
static int
with_century(int year, int64_t now)
{
	int this_year = year_of_now(now);
	int full = this_year - this_year % 100 + year;

	return full > this_year + CENTURY_AHEAD_MAX ? full - 100 : full;
}

static bool
read_fields(const char *text, int64_t now, struct tm *tm)
{
	const char *s;
	char month[4] = "";
	int year;

	if ((s = skip_day(text, false)) != NULL && has_form(s, ", ## @@@ #### ##:##:## GMT")) {
		sscanf(s, ", %d %3s %d %d:%d:%d", &tm->tm_mday, month, &year, &tm->tm_hour,
			&tm->tm_min, &tm->tm_sec);
	} else if ((s = skip_day(text, true)) != NULL && has_form(s, ", ##-@@@-## ##:##:## GMT")) {
		sscanf(s, ", %d-%3s-%d %d:%d:%d", &tm->tm_mday, month, &year, &tm->tm_hour,
			&tm->tm_min, &tm->tm_sec);
		year = with_century(year, now);
	} else if ((s = skip_day(text, false)) != NULL && has_form(s, " @@@ _# ##:##:## ####")) {
		sscanf(s, " %3s %d %d:%d:%d %d", month, &tm->tm_mday, &tm->tm_hour, &tm->tm_min,
			&tm->tm_sec, &year);
	} else {
		return false;
	}
	tm->tm_year = year - 1900;
	return read_month(month, &tm->tm_mon);
}

int64_t
date_parse(const char *text, int64_t now)
{
	struct tm tm = { 0 };

	if (!read_fields(text, now, &tm) || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return -1;
	bool is_leap = tm.tm_sec == 60;
	int month = tm.tm_mon;
	tm.tm_sec -= is_leap;
	time_t t = timegm(&tm);
	/* timegm() makes 2 March of 30 February. */
	return tm.tm_mon == month && tm.tm_mday > 0 && t >= 0 ? t + is_leap : -1;
}
