/* SPDX-License-Identifier: Apache-2.0 */
/* when.c - see when.h. */
#include "when.h"

#include <string.h>
#include <time.h>

#include "clock.h"
#include "err.h"
#include "option.h"

/* Midnight of the local day that is so many days after that of now. */
static bool
local_midnight(int64_t now_ms, int days, int64_t *out)
{
	time_t now = (time_t)(now_ms / 1000);
	struct tm tm;

	if (localtime_r(&now, &tm) == NULL)
		return false;
	struct tm day = { .tm_year = tm.tm_year,
		.tm_mon = tm.tm_mon,
		.tm_mday = tm.tm_mday + days,
		.tm_isdst = -1 };
	time_t t = mktime(&day);
	*out = (int64_t)t * 1000;
	return t >= 0;
}

/* The text must be all of the form, in which `#` is a digit and `T` may be a space. */
static bool
has_form(const char *text, const char *form)
{
	for (; *form != '\0'; text++, form++) {
		bool is_digit = *text >= '0' && *text <= '9';
		bool fits = *form == '#' ? is_digit
			: *form == 'T'   ? *text == 'T' || *text == 't' || *text == ' '
					 : *text == *form;
		if (!fits)
			return false;
	}
	return *text == '\0';
}

/* Without an offset. The fields are checked as if they were of UTC, and read as local ones. */
static bool
parse_local(const char *text, int64_t *out)
{
	static const char whole[] = "0000-00-00T00:00:00";
	static const char *const forms[] = { "####-##-##", "####-##-##T##:##",
		"####-##-##T##:##:##" };
	char full[sizeof(whole) + 1];
	size_t n = strlen(text), i = 0;
	int64_t utc_ms;

	while (i < 3 && !has_form(text, forms[i]))
		i++;
	if (i == 3)
		return false;
	memcpy(full, whole, sizeof(whole));
	memcpy(full, text, n);
	memcpy(full + sizeof(whole) - 1, "Z", 2);
	if (!clock_parse(full, &utc_ms))
		return false;
	time_t utc = (time_t)(utc_ms / 1000);
	struct tm tm;
	if (gmtime_r(&utc, &tm) == NULL)
		return false;
	tm.tm_isdst = -1;
	time_t t = mktime(&tm);
	*out = (int64_t)t * 1000;
	return t >= 0;
}

int
when_parse(const char *text, int64_t now_ms, int64_t *out, struct hsw_error *err)
{
	int64_t ago;

	if (strcmp(text, "today") == 0 && local_midnight(now_ms, 0, out))
		return HSW_OK;
	if (strcmp(text, "yesterday") == 0 && local_midnight(now_ms, -1, out))
		return HSW_OK;
	if (option_parse_msec(text, &ago) == HSW_OK && ago >= 0 && ago <= now_ms) {
		*out = now_ms - ago;
		return HSW_OK;
	}
	if (parse_local(text, out) || clock_parse(text, out))
		return HSW_OK;
	return err_set(err, HSW_EINVAL,
		"found `%.40s`, expected a time such as 2026-11-21T09:30:00Z, 2026-11-21 09:30, "
		"2026-11-21, yesterday, today, or how long ago: 90m, 2h, 3d",
		text);
}
