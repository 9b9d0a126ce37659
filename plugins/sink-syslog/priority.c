/* SPDX-License-Identifier: Apache-2.0 */
/* priority.c - see priority.h. */
#include "priority.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DAEMON 3
#define INFORMATIONAL 6

static const char *const facilities[] = { "kern", "user", "mail", "daemon", "auth", "syslog", "lpr",
	"news", "uucp", "cron", "authpriv", "ftp", "ntp", "security", "console", "clock", "local0",
	"local1", "local2", "local3", "local4", "local5", "local6", "local7", NULL };

static const struct {
	const char *name;
	int severity;
} severities[] = { { "emerg", 0 }, { "emergency", 0 }, { "alert", 1 }, { "crit", 2 },
	{ "critical", 2 }, { "err", 3 }, { "error", 3 }, { "warning", 4 }, { "warn", 4 },
	{ "notice", 5 }, { "info", INFORMATIONAL }, { "informational", INFORMATIONAL },
	{ "debug", 7 } };

/* The types of events that there are. */
static const char *const types[] = { "message.exchange", "message.status", "call.update",
	"group.flow", "instance.state", "label.update" };

struct rule {
	const char *type; /* borrowed */
	size_t len;
	bool is_prefix;
	int value;
};

/* The rules of one option. */
struct rules {
	struct rule *all;
	size_t count;
	int otherwise; /* where none fits */
};

struct priorities {
	struct rules facility, severity;
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

static int
facility_of(const char *name)
{
	for (int i = 0; facilities[i] != NULL; i++) {
		if (strcasecmp(name, facilities[i]) == 0)
			return i;
	}
	return -1;
}

static bool
rule_fits(const struct rule *r, struct hsw_str type)
{
	if (type.len < r->len || (!r->is_prefix && type.len != r->len))
		return false;
	return strncasecmp(r->type, type.s, r->len) == 0;
}

/* Whether it fits an event that a source made of what has no canonical home, whatever its name. */
static bool
fits_raw(const struct rule *r)
{
	static const char raw[] = "raw.";
	const size_t len = sizeof(raw) - 1;
	bool is_longer = r->len > len;

	return (is_longer || r->is_prefix) &&
		strncasecmp(r->type, raw, is_longer ? len : r->len) == 0;
}

/* Whether it fits any event that there is. */
static bool
fits_any(const struct rule *r)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (rule_fits(r, (struct hsw_str){ types[i], strlen(types[i]) }))
			return true;
	}
	return fits_raw(r);
}

/* What is read: its option's name, its words, and how these are shown to people. */
struct kind {
	const char *key, *words;
	int (*value_of)(const char *name);
};

static const struct kind facility_kind = { "facility",
	"call.update: local1, *: local0, with kern, user, mail, daemon, auth, syslog, lpr, news, "
	"uucp, cron, authpriv, ftp, ntp, security, console, clock, local0 to local7",
	facility_of };
static const struct kind severity_kind = { "severity",
	"call.update: notice, with one of emerg, alert, crit, err, warning, notice, info, debug",
	severity_of };

/* A rule without a type fits all. */
static int
parse_rule(const struct kind *kind, const char *text, struct rule *rule, struct hsw_error *err)
{
	const char *colon = strchr(text, ':');
	const char *name = colon != NULL ? colon + 1 : text;
	size_t len = colon != NULL ? (size_t)(colon - text) : 0;

	while (isspace((unsigned char)*name))
		name++;
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		len--;
	*rule = (struct rule){ .type = text, .len = len, .value = kind->value_of(name) };
	rule->is_prefix = len == 0 || text[len - 1] == '*';
	if (len > 0 && rule->is_prefix)
		rule->len--;
	if ((colon != NULL && len == 0) || rule->value < 0) {
		snprintf(err->text, sizeof(err->text), "%s: \"%.50s\", expected like %s", kind->key,
			text, kind->words);
		return HSW_EINVAL;
	}
	if (fits_any(rule))
		return HSW_OK;
	snprintf(err->text, sizeof(err->text),
		"%s: \"%.40s\" fits no event, expected one of message.exchange, message.status, "
		"call.update, group.flow, instance.state, label.update and raw.NAME, or a "
		"beginning and *",
		kind->key, text);
	return HSW_EINVAL;
}

static int
read_rules(const struct kind *kind, const char *const *words, struct rules *rules,
	struct hsw_error *err)
{
	size_t count = 0;

	while (words != NULL && words[count] != NULL)
		count++;
	rules->all = calloc(count + 1, sizeof(rules->all[0]));
	if (rules->all == NULL) {
		snprintf(err->text, sizeof(err->text), "out of memory");
		return HSW_ENOMEM;
	}
	rules->count = count;
	for (size_t i = 0; i < count; i++) {
		int rc = parse_rule(kind, words[i], &rules->all[i], err);
		if (rc != HSW_OK)
			return rc;
	}
	return HSW_OK;
}

struct priorities *
priorities_new(const char *const *facility, const char *const *severity, struct hsw_error *err)
{
	struct priorities *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		snprintf(err->text, sizeof(err->text), "out of memory");
		return NULL;
	}
	p->facility.otherwise = DAEMON;
	p->severity.otherwise = INFORMATIONAL;
	if (read_rules(&facility_kind, facility, &p->facility, err) == HSW_OK &&
		read_rules(&severity_kind, severity, &p->severity, err) == HSW_OK)
		return p;
	priorities_free(p);
	return NULL;
}

void
priorities_free(struct priorities *p)
{
	if (p == NULL)
		return;
	free(p->facility.all);
	free(p->severity.all);
	free(p);
}

static int
value_for(const struct rules *rules, struct hsw_str type)
{
	size_t i = 0;

	while (i < rules->count && !rule_fits(&rules->all[i], type))
		i++;
	return i < rules->count ? rules->all[i].value : rules->otherwise;
}

int
priority_of(const struct priorities *p, struct hsw_str type)
{
	return value_for(&p->facility, type) * 8 + value_for(&p->severity, type);
}
