/* SPDX-License-Identifier: Apache-2.0 */
/* priority.c - see priority.h. */
#include "priority.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define INFORMATIONAL 6

const char *const priority_facilities[] = { "kern", "user", "mail", "daemon", "auth", "syslog",
	"lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "security", "console", "clock",
	"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7", NULL };

static const struct {
	const char *name;
	int severity;
} severities[] = { { "emerg", 0 }, { "emergency", 0 }, { "alert", 1 }, { "crit", 2 },
	{ "critical", 2 }, { "err", 3 }, { "error", 3 }, { "warning", 4 }, { "warn", 4 },
	{ "notice", 5 }, { "info", INFORMATIONAL }, { "informational", INFORMATIONAL },
	{ "debug", 7 } };

struct rule {
	const char *type; /* borrowed */
	size_t len;
	bool is_prefix;
	int severity;
};

struct priorities {
	int facility;
	size_t count;
	struct rule rules[];
};

static int
severity_of(const char *name)
{
	for (size_t i = 0; i < sizeof(severities) / sizeof(severities[0]); i++) {
		if (strcasecmp(name, severities[i].name) == 0)
			return severities[i].severity;
	}
	return -1;
}

/* A rule without a type fits all. */
static bool
parse_rule(const char *text, struct rule *rule)
{
	const char *colon = strchr(text, ':');
	const char *name = colon != NULL ? colon + 1 : text;
	size_t len = colon != NULL ? (size_t)(colon - text) : 0;

	while (isspace((unsigned char)*name))
		name++;
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		len--;
	if (colon != NULL && len == 0)
		return false;
	*rule = (struct rule){ .type = text, .len = len, .severity = severity_of(name) };
	rule->is_prefix = len == 0 || text[len - 1] == '*';
	if (len > 0 && rule->is_prefix)
		rule->len--;
	return rule->severity >= 0;
}

struct priorities *
priorities_new(int facility, const char *const *rules, struct hsw_error *err)
{
	size_t count = 0;

	while (rules != NULL && rules[count] != NULL)
		count++;
	struct priorities *p = calloc(1, sizeof(*p) + count * sizeof(p->rules[0]));
	if (p == NULL) {
		snprintf(err->text, sizeof(err->text), "out of memory");
		return NULL;
	}
	p->facility = facility;
	p->count = count;
	for (size_t i = 0; i < count; i++) {
		if (parse_rule(rules[i], &p->rules[i]))
			continue;
		snprintf(err->text, sizeof(err->text),
			"severity: \"%.100s\", expected like call.update: notice, with one of "
			"emerg, alert, crit, err, warning, notice, info, debug",
			rules[i]);
		free(p);
		return NULL;
	}
	return p;
}

void
priorities_free(struct priorities *p)
{
	free(p);
}

static bool
rule_fits(const struct rule *r, struct hsw_str type)
{
	if (type.len < r->len || (!r->is_prefix && type.len != r->len))
		return false;
	return strncasecmp(r->type, type.s, r->len) == 0;
}

int
priority_of(const struct priorities *p, struct hsw_str type)
{
	size_t i = 0;

	while (i < p->count && !rule_fits(&p->rules[i], type))
		i++;
	return p->facility * 8 + (i < p->count ? p->rules[i].severity : INFORMATIONAL);
}
