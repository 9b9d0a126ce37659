/* SPDX-License-Identifier: Apache-2.0 */
/* path.c - patterns for file names. */
#include "file.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define CONVERSIONS "aAbBdHIjmMpSUVwWyYZzGFs" /* of strftime(3) that yield no "/" */

struct name {
	const char *text; /* as in the pattern */
	size_t len;
};

static const struct name instance_name = { "%{instance}", 11 }, event_name = { "%{event}", 8 };

static bool
begins_with(const char *s, struct name name)
{
	return strncmp(s, name.text, name.len) == 0;
}

int
path_check(const char *pattern, struct hsw_error *err)
{
	for (const char *p = strchr(pattern, '%'); p != NULL; p = strchr(p, '%')) {
		if (begins_with(p, instance_name) || begins_with(p, event_name)) {
			p += 2;
		} else if (p[1] == '%' || (p[1] != '\0' && strchr(CONVERSIONS, p[1]) != NULL)) {
			p += 2;
		} else {
			snprintf(err->text, sizeof(err->text),
				"path: `%.20s`: expected %%{instance}, %%{event}, %%%% or one of "
				"strftime's "
				"%%Y %%m %%d %%H %%M %%S ...",
				p);
			return HSW_EINVAL;
		}
	}
	return HSW_OK;
}

struct builder {
	char *out;
	size_t len;
};

static bool
add(struct builder *b, const char *s, size_t n)
{
	if (b->len + n >= PATH_MAX)
		return false;
	memcpy(b->out + b->len, s, n);
	b->len += n;
	return true;
}

static bool
add_value(struct builder *b, struct hsw_str value)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = value.s[i];
		bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '_' || c == '-' || (c == '.' && i > 0);
		if (!add(b, is_plain ? &c : "_", 1))
			return false;
	}
	return true;
}

static bool
add_time(struct builder *b, char conversion, const struct tm *tm)
{
	const char format[] = { '%', conversion, '\0' };
	char text[64];
	size_t n = strftime(text, sizeof(text), format, tm);

	return add_value(b, (struct hsw_str){ text, n });
}

int
path_expand(const char *p, struct hsw_str instance, struct hsw_str event, int64_t wall_ms, bool utc,
	char out[PATH_MAX])
{
	struct builder b = { out, 0 };
	time_t t = (time_t)(wall_ms / 1000);
	struct tm tm;
	bool fits = true;

	if (utc)
		gmtime_r(&t, &tm);
	else
		localtime_r(&t, &tm);
	while (*p != '\0' && fits) {
		if (*p != '%') {
			fits = add(&b, p++, 1);
		} else if (begins_with(p, instance_name)) {
			fits = add_value(&b, instance);
			p += instance_name.len;
		} else if (begins_with(p, event_name)) {
			fits = add_value(&b, event);
			p += event_name.len;
		} else {
			fits = p[1] == '%' ? add(&b, "%", 1) : add_time(&b, p[1], &tm);
			p += 2;
		}
	}
	out[b.len] = '\0';
	return fits ? HSW_OK : HSW_ELIMIT;
}
