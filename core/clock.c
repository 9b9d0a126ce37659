/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c - see clock.h. */
#include "clock.h"

#include <time.h>

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

	ms = ms < 0 ? 0 : ms > CLOCK_LAST_MS ? CLOCK_LAST_MS : ms;
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

/* Exactly so many digits; NULL: there are not. */
static const char *
take_digits(const char *s, int digits, int *value)
{
	*value = 0;
	for (; digits > 0; digits--, s++) {
		if (*s < '0' || *s > '9')
			return NULL;
		*value = *value * 10 + (*s - '0');
	}
	return s;
}

static const char *
take_char(const char *s, char c)
{
	return s != NULL && *s == c ? s + 1 : NULL;
}

/* A character before it, and exactly two digits; NULL: it is not there. */
static const char *
take_pair(const char *s, char before, int *value)
{
	s = take_char(s, before);
	return s != NULL ? take_digits(s, 2, value) : NULL;
}

/* Days since 1970; -1: there is no such day. */
static int64_t
day_of(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year, yoe = y % 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t days = y / 400 * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
	int64_t same_year, same_month, same_day;

	if (year < 1970 || month < 1 || month > 12 || day < 1)
		return -1;
	civil_date(days, &same_year, &same_month, &same_day);
	return same_year == year && same_month == month && same_day == day ? days : -1;
}

/* What follows the seconds: a fraction, where there is one. */
static const char *
take_fraction(const char *s, int64_t *ms)
{
	const char *begin = s + 1;
	int64_t unit = 100;

	if (*s != '.' && *s != ',')
		return s;
	for (s++; *s >= '0' && *s <= '9'; s++, unit /= 10)
		*ms += (*s - '0') * unit;
	return s > begin ? s : NULL;
}

static const char *
take_zone(const char *s, int64_t *ms)
{
	int hours, minutes;

	if (*s == 'Z' || *s == 'z')
		return s + 1;
	int sign = *s == '-' ? -1 : 1;
	if (*s != '+' && *s != '-')
		return NULL;
	s = take_pair(take_digits(s + 1, 2, &hours), ':', &minutes);
	if (s != NULL && hours < 24 && minutes < 60)
		*ms -= sign * (hours * 60 + minutes) * (int64_t)60000;
	else
		s = NULL;
	return s;
}

bool
clock_parse(const char *text, int64_t *wall_ms)
{
	int year, month, day, hour, minute, second;
	const char *s = take_digits(text, 4, &year);

	s = take_pair(s, '-', &month);
	s = take_pair(s, '-', &day);
	int64_t days = s != NULL ? day_of(year, month, day) : -1;
	if (days < 0)
		return false;
	int64_t ms = days * 86400000;
	if (*s != '\0') {
		s = take_pair(s, *s == 't' || *s == ' ' ? *s : 'T', &hour);
		s = take_pair(s, ':', &minute);
		s = take_pair(s, ':', &second);
		/* 60: a leap second is the first of the next minute, as POSIX counts. */
		if (s == NULL || hour > 23 || minute > 59 || second > 60)
			return false;
		ms += ((hour * 60 + minute) * 60 + second) * (int64_t)1000;
		s = take_fraction(s, &ms);
		s = s != NULL ? take_zone(s, &ms) : NULL;
	}
	if (s == NULL || *s != '\0' || ms < 0 || ms > CLOCK_LAST_MS)
		return false;
	*wall_ms = ms;
	return true;
}
