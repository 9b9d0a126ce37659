/* SPDX-License-Identifier: Apache-2.0 */
/* option.c - see option.h: parsing and storing. Documentation and suggestions: option_doc.c. */
#include "option.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "buf.h"
#include "err.h"

#define SECRET_FILE_MAX 65536 /* bytes */
#define LIST_MAX 1000         /* items */

/* ---- numbers with units ---- */

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit time_units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 },
	{ "h", 3600000 }, { "d", 86400000 }, { NULL, 0 } };
static const struct unit size_units[] = { { "", 1 }, { "k", 1 << 10 }, { "m", 1 << 20 },
	{ "g", 1 << 30 }, { NULL, 0 } };

/* Digits and one of the units, nothing else; 0 needs no unit. */
static int
parse_with_unit(const char *text, const struct unit *units, int64_t *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return HSW_EINVAL;
	errno = 0;
	long long n = strtoll(text, &end, 10);
	if (errno != 0)
		return HSW_EINVAL;
	if (n == 0 && *end == '\0') {
		*out = 0;
		return HSW_OK;
	}
	for (const struct unit *u = units; u->name != NULL; u++) {
		if (strcasecmp(u->name, end) == 0)
			return __builtin_mul_overflow((int64_t)n, u->factor, out) ? HSW_EINVAL
										  : HSW_OK;
	}
	return HSW_EINVAL;
}

int
option_parse_msec(const char *text, int64_t *out)
{
	return parse_with_unit(text, time_units, out);
}

int
option_parse_size(const char *text, int64_t *out)
{
	return parse_with_unit(text, size_units, out);
}

static int
parse_int(const char *text, int64_t *out)
{
	char *end;

	errno = 0;
	long long n = strtoll(text, &end, 10);
	*out = n;
	return errno == 0 && end != text && *end == '\0' ? HSW_OK : HSW_EINVAL;
}

/* ---- ${NAME} and @file ---- */

/* At "{NAME}...": appends the variable's value. Returns what follows, NULL on error. */
static const char *
expand_name(const char *s, struct buf *out, struct hsw_error *err)
{
	char name[128];
	const char *end = strchr(s, '}');

	if (end == NULL || end == s + 1 || (size_t)(end - s) > sizeof(name)) {
		err_set(err, HSW_EINVAL,
			"`${` must go on with a variable's name and `}` ($$ is a plain $)");
		return NULL;
	}
	snprintf(name, sizeof(name), "%.*s", (int)(end - s - 1), s + 1);
	const char *value = getenv(name);
	if (value == NULL) {
		err_set(err, HSW_EINVAL, "the environment variable %s is not set", name);
		return NULL;
	}
	buf_str(out, value);
	return end + 1;
}

static int
expand(const char *text, struct buf *out, struct hsw_error *err)
{
	while (*text != '\0') {
		if (text[0] != '$' || (text[1] != '{' && text[1] != '$')) {
			buf_append(out, text++, 1);
		} else if (text[1] == '$') {
			buf_append(out, "$", 1);
			text += 2;
		} else {
			text = expand_name(text + 1, out, err);
			if (text == NULL)
				return HSW_EINVAL;
		}
	}
	buf_append(out, "", 1);
	return out->failed ? err_set(err, HSW_ENOMEM, "out of memory") : HSW_OK;
}

/* What counts of the file: its first line, or all lines, each with its end. */
static int
take_secret(
	const char *text, bool is_lines, const char *path, struct buf *out, struct hsw_error *err)
{
	size_t n = is_lines ? strlen(text) : strcspn(text, "\r\n");

	if (strspn(text, " \t\r\n") >= n)
		return err_set(err, HSW_EINVAL, "%sthe file %s is empty",
			is_lines ? "" : "the first line of ", path);
	buf_append(out, text, n);
	if (is_lines && text[n - 1] != '\n')
		buf_append(out, "\n", 1);
	buf_append(out, "", 1);
	return out->failed ? err_set(err, HSW_ENOMEM, "out of memory") : HSW_OK;
}

static int
read_secret_file(const char *path, bool is_lines, struct buf *out, struct hsw_error *err)
{
	char text[SECRET_FILE_MAX + 1];
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return err_set(
			err, HSW_EINVAL, "cannot read the file %s: %s", path, strerror(errno));
	size_t n = fread(text, 1, sizeof(text), f);
	bool has_failed = ferror(f) != 0;
	fclose(f);
	if (has_failed)
		return err_set(err, HSW_EINVAL, "cannot read the file %s", path);
	if (n > SECRET_FILE_MAX)
		return err_set(err, HSW_EINVAL, "the file %s is larger than %d bytes", path,
			SECRET_FILE_MAX);
	if (memchr(text, '\0', n) != NULL)
		return err_set(err, HSW_EINVAL, "the file %s is no text: it has a NUL byte", path);
	text[n] = '\0';
	return take_secret(text, is_lines, path, out, err);
}

/* ---- storing ---- */

static void *
member(const struct hsw_option *o, void *conf)
{
	return (char *)conf + o->offset;
}

static int
store_string(const struct hsw_option *o, void *conf, const char *text, struct hsw_error *err)
{
	char *copy = strdup(text);

	if (copy == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	*(char **)member(o, conf) = copy;
	return HSW_OK;
}

static int
set_string(const struct hsw_option *o, void *conf, const char *text, const char *base,
	struct hsw_error *err)
{
	(void)base;
	return store_string(o, conf, text, err);
}

static int
set_secret(const struct hsw_option *o, void *conf, const char *text, const char *base,
	struct hsw_error *err)
{
	struct buf b = BUF_INIT;

	(void)base;
	if (text[0] == '\0')
		return err_set(err, HSW_EINVAL, "is empty, expected a secret");
	if (text[0] != '@')
		return store_string(o, conf, text, err);
	int rc = read_secret_file(text + 1, (o->flags & HSW_OPT_LINES) != 0, &b, err);
	if (rc == HSW_OK)
		rc = store_string(o, conf, b.data, err);
	buf_free(&b);
	return rc;
}

static bool
is_port(const char *s, size_t n)
{
	int64_t port = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9' || port > 65535)
			return false;
		port = port * 10 + (s[i] - '0');
	}
	return n > 0 && port > 0 && port <= 65535;
}

/* host, host:port, [v6], [v6]:port */
static bool
is_authority(const char *s, size_t n)
{
	const char *close = s[0] == '[' ? memchr(s, ']', n) : NULL;
	size_t host = close != NULL ? (size_t)(close - s) + 1 : 0;

	if (s[0] == '[' && close == NULL)
		return false;
	while (close == NULL && host < n && s[host] != ':')
		host++;
	if (host == 0 || (host < n && s[host] != ':'))
		return false;
	return host == n || is_port(s + host + 1, n - host - 1);
}

static int
set_url(const struct hsw_option *o, void *conf, const char *text, const char *base,
	struct hsw_error *err)
{
	size_t scheme = strncasecmp(text, "https://", 8) == 0 ? 8
		: strncasecmp(text, "http://", 7) == 0        ? 7
							      : 0;
	const char *authority = text + scheme;
	size_t n = strcspn(authority, "/?#");

	(void)base;
	if (scheme == 0)
		return err_set(
			err, HSW_EINVAL, "expected a URL that begins with http:// or https://");
	if (memchr(authority, '@', n) != NULL)
		return err_set(err, HSW_EINVAL,
			"a URL with user info (user:password@) is not taken; use `authorization`");
	for (const char *c = text; *c != '\0'; c++) {
		if ((unsigned char)*c <= 0x20 || *c == 0x7f)
			return err_set(
				err, HSW_EINVAL, "the URL has a blank or control character in it");
	}
	if (n == 0 || !is_authority(authority, n))
		return err_set(err, HSW_EINVAL, "the URL's host or port is not valid");
	return store_string(o, conf, text, err);
}

static int
set_path(const struct hsw_option *o, void *conf, const char *text, const char *base,
	struct hsw_error *err)
{
	struct buf b = BUF_INIT;

	if (text[0] == '\0')
		return err_set(err, HSW_EINVAL, "is empty, expected a path");
	if (text[0] != '/' && base != NULL)
		buf_printf(&b, "%s/", base);
	buf_append(&b, text, strlen(text) + 1);
	int rc = b.failed ? HSW_ENOMEM : store_string(o, conf, b.data, err);
	buf_free(&b);
	return rc;
}

static void
free_list(char **items)
{
	for (size_t i = 0; items != NULL && items[i] != NULL; i++)
		free(items[i]);
	free(items);
}

static size_t
count_items(const char *text)
{
	size_t n = 1;

	for (; *text != '\0'; text++)
		n += *text == ',';
	return n;
}

static int
set_list(const struct hsw_option *o, void *conf, const char *text, const char *base,
	struct hsw_error *err)
{
	size_t n = count_items(text);
	char **items = n <= LIST_MAX ? calloc(n + 1, sizeof(items[0])) : NULL;

	(void)base;
	if (items == NULL)
		return err_set(err, HSW_EINVAL, "more than %d items", LIST_MAX);
	for (size_t i = 0; i < n; i++) {
		size_t len = strcspn(text, ",");
		const char *s = text + strspn(text, " \t"), *end = text + len;
		while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
			end--;
		if (s >= end || (items[i] = strndup(s, (size_t)(end - s))) == NULL) {
			free_list(items);
			return err_set(err, HSW_EINVAL, "item %zu of the list is empty", i + 1);
		}
		text += len + 1;
	}
	*(char ***)member(o, conf) = items;
	return HSW_OK;
}

static int
set_bool(const struct hsw_option *o, void *conf, const char *text, const char *base,
	struct hsw_error *err)
{
	static const char *const words[2][4] = { { "no", "false", "off", "0" },
		{ "yes", "true", "on", "1" } };

	(void)base;
	for (int value = 0; value < 2; value++) {
		for (int i = 0; i < 4; i++) {
			if (strcasecmp(words[value][i], text) == 0) {
				*(bool *)member(o, conf) = value;
				return HSW_OK;
			}
		}
	}
	return err_set(err, HSW_EINVAL, "found `%.60s`, expected yes or no", text);
}

static int
set_enum(const struct hsw_option *o, void *conf, const char *text, const char *base,
	struct hsw_error *err)
{
	struct buf b = BUF_INIT;

	(void)base;
	for (int i = 0; o->choices[i] != NULL; i++) {
		if (strcmp(o->choices[i], text) == 0) {
			*(int *)member(o, conf) = i;
			buf_free(&b);
			return HSW_OK;
		}
		buf_printf(&b, "%s%s", i > 0 ? ", " : "", o->choices[i]);
	}
	err_set(err, HSW_EINVAL, "found `%.60s`, expected one of: %.*s", text, (int)b.len, b.data);
	buf_free(&b);
	return HSW_EINVAL;
}

static int
set_number(const struct hsw_option *o, void *conf, const char *text, struct hsw_error *err,
	int (*parse)(const char *, int64_t *), const char *expected)
{
	int64_t n;

	if (parse(text, &n) != HSW_OK)
		return err_set(err, HSW_EINVAL, "found `%.60s`, expected %s", text, expected);
	if ((o->min != 0 || o->max != 0) && (n < o->min || n > o->max))
		return err_set(err, HSW_EINVAL,
			"found `%.60s`, expected between %" PRId64 " and %" PRId64 "%s", text,
			o->min, o->max,
			o->type == HSW_OPT_MSEC           ? " ms"
				: o->type == HSW_OPT_SIZE ? " bytes"
							  : "");
	*(int64_t *)member(o, conf) = n;
	return HSW_OK;
}

static int
set_int(const struct hsw_option *o, void *conf, const char *text, const char *base,
	struct hsw_error *err)
{
	(void)base;
	return set_number(o, conf, text, err, parse_int, "a whole number");
}

static int
set_size(const struct hsw_option *o, void *conf, const char *text, const char *base,
	struct hsw_error *err)
{
	(void)base;
	return set_number(
		o, conf, text, err, option_parse_size, "a size such as 512, 64k, 16m, 1g");
}

static int
set_msec(const struct hsw_option *o, void *conf, const char *text, const char *base,
	struct hsw_error *err)
{
	(void)base;
	return set_number(o, conf, text, err, option_parse_msec,
		"a duration with its unit, such as 500ms, 5s, 4m, 1h, 7d");
}

/* One row a type: how it is set, and how much of the conf struct it takes. */
static const struct {
	int (*set)(
		const struct hsw_option *, void *, const char *, const char *, struct hsw_error *);
	size_t size;
} types[] = {
	[HSW_OPT_STRING] = { set_string, sizeof(char *) },
	[HSW_OPT_SECRET] = { set_secret, sizeof(char *) },
	[HSW_OPT_URL] = { set_url, sizeof(char *) },
	[HSW_OPT_PATH] = { set_path, sizeof(char *) },
	[HSW_OPT_LIST] = { set_list, sizeof(char **) },
	[HSW_OPT_BOOL] = { set_bool, sizeof(bool) },
	[HSW_OPT_INT] = { set_int, sizeof(int64_t) },
	[HSW_OPT_SIZE] = { set_size, sizeof(int64_t) },
	[HSW_OPT_MSEC] = { set_msec, sizeof(int64_t) },
	[HSW_OPT_ENUM] = { set_enum, sizeof(int) },
};

#define TYPES (sizeof(types) / sizeof(types[0]))

int
option_set(const struct hsw_option *o, void *conf, const char *text, const char *base,
	struct hsw_error *err)
{
	struct buf expanded = BUF_INIT;
	int rc = expand(text, &expanded, err);

	if (rc == HSW_OK)
		rc = types[o->type].set(o, conf, expanded.data, base, err);
	buf_free(&expanded);
	return rc;
}

int
option_set_plain(const struct hsw_option *o, void *conf, const char *text, struct hsw_error *err)
{
	if (o->type == HSW_OPT_SECRET)
		return store_string(o, conf, text, err);
	return types[o->type].set(o, conf, text, NULL, err);
}

int
option_defaults(
	const struct hsw_option *table, void *conf, bool (*is_set)(void *, const char *), void *arg)
{
	int rc = HSW_OK;

	for (const struct hsw_option *o = table; o != NULL && o->key != NULL; o++) {
		if (o->def != NULL && !is_set(arg, o->key) &&
			types[o->type].set(o, conf, o->def, NULL, NULL) != HSW_OK)
			rc = HSW_ENOMEM; /* the table was checked: nothing else can be wrong */
	}
	return rc;
}

static void
free_member(const struct hsw_option *o, void *conf)
{
	bool is_text = o->type == HSW_OPT_STRING || o->type == HSW_OPT_SECRET ||
		o->type == HSW_OPT_URL || o->type == HSW_OPT_PATH;

	if (is_text) {
		free(*(char **)member(o, conf));
		*(char **)member(o, conf) = NULL;
	} else if (o->type == HSW_OPT_LIST) {
		free_list(*(char ***)member(o, conf));
		*(char ***)member(o, conf) = NULL;
	}
}

void
option_free(const struct hsw_option *table, void *conf)
{
	for (const struct hsw_option *o = table; o != NULL && o->key != NULL; o++)
		free_member(o, conf);
}

const struct hsw_option *
option_find(const struct hsw_option *table, const char *key)
{
	for (const struct hsw_option *o = table; o != NULL && o->key != NULL; o++) {
		if (strcmp(o->key, key) == 0)
			return o;
	}
	return NULL;
}

static int
check_option(const struct hsw_option *table, const struct hsw_option *o, void *scratch,
	size_t conf_size, struct hsw_error *err)
{
	struct hsw_error why = { "" };

	if ((unsigned)o->type >= TYPES)
		return err_set(err, HSW_EINVAL, "option %s: unknown type %d", o->key, (int)o->type);
	if (o->offset > conf_size || types[o->type].size > conf_size - o->offset)
		return err_set(err, HSW_EINVAL,
			"option %s: its member lies outside the conf struct of %zu bytes", o->key,
			conf_size);
	if (o->type == HSW_OPT_ENUM && o->choices == NULL)
		return err_set(err, HSW_EINVAL, "option %s: an enum without choices", o->key);
	if (o->help == NULL)
		return err_set(err, HSW_EINVAL, "option %s: has no help text", o->key);
	if (option_find(table, o->key) != o)
		return err_set(err, HSW_EINVAL, "option %s: stands twice in the table", o->key);
	if (o->def != NULL && types[o->type].set(o, scratch, o->def, NULL, &why) != HSW_OK)
		return err_set(err, HSW_EINVAL, "option %s: its default: %s", o->key, why.text);
	free_member(o, scratch);
	return HSW_OK;
}

int
option_check_table(const struct hsw_option *table, size_t conf_size, struct hsw_error *err)
{
	void *scratch = calloc(1, conf_size > 0 ? conf_size : 1);
	int rc = scratch != NULL ? HSW_OK : err_set(err, HSW_ENOMEM, "out of memory");
	const struct hsw_option *o = table;

	for (; rc == HSW_OK && o != NULL && o->key != NULL; o++)
		rc = check_option(table, o, scratch, conf_size, err);
	free(scratch);
	return rc;
}
