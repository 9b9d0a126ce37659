/* SPDX-License-Identifier: Apache-2.0 */
/* check.c - see check.h. Options are used as a handle uses them, and what comes of it is thrown away. */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

#include "conf.h"
#include "expressions.h"
#include "guard.h"
#include "target.h"

static int
out_of_memory(struct hsw_error *err)
{
	snprintf(err->text, sizeof(err->text), "out of memory");
	return HSW_ENOMEM;
}

/* It would never be sent (RFC 9110 section 7.1). */
static bool
has_fragment(CURLU *url, struct hsw_error *err)
{
	char *fragment = NULL;

	if (curl_url_get(url, CURLUPART_FRAGMENT, &fragment, 0) != CURLUE_OK)
		return false;
	snprintf(err->text, sizeof(err->text),
		"url: has the fragment #%.60s, which is never sent; a # of the path is written "
		"%%23",
		fragment);
	curl_free(fragment);
	return true;
}

/* libcurl converts other names by the locale, which a daemon has none of: they would never be found. And digits in
 * circles and the like stand for others, so that an address is not seen for one. */
static int
check_host(const char *host, struct hsw_error *err)
{
	while ((unsigned char)*host < 128 && *host != '\0')
		host++;
	if (*host == '\0')
		return HSW_OK;
	snprintf(err->text, sizeof(err->text),
		"url: the host is not ASCII: an internationalised name is written xn--...");
	return HSW_EINVAL;
}

/* What a name stands for is known when it is connected to. */
static int
check_address(const struct webhook_conf *conf, struct target *target, struct hsw_error *err)
{
	struct guard *guard = guard_new(conf->allow_private, err);
	char *host = NULL;
	int rc = HSW_OK;

	if (guard == NULL)
		return HSW_EINVAL;
	CURLU *url = target_plain_url(target);
	if (url == NULL || curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK) {
		rc = out_of_memory(err);
	} else if ((rc = check_host(host, err)) != HSW_OK || has_fragment(url, err)) {
		rc = HSW_EINVAL;
	} else if (conf->allow_private != NULL && !guard_allows_host(guard, host)) {
		snprintf(err->text, sizeof(err->text),
			"url: %.60s is not a public address, nor one of allow_private", host);
		rc = HSW_EINVAL;
	}
	curl_free(host);
	guard_free(guard);
	return rc;
}

/* Makes what a handle makes of the options, and throws it away. */
static int
check_target(const struct webhook_conf *conf, struct hsw_error *err)
{
	struct targets *targets = targets_new("");

	if (targets == NULL)
		return out_of_memory(err);
	struct target *target = target_get(targets, conf, err);
	int rc = target != NULL ? check_address(conf, target, err) : HSW_EINVAL;
	target_unref(target);
	targets_free(targets);
	return rc;
}

/* The options of which a target is made, but these. */
static struct webhook_conf
without_lines(const struct webhook_conf *conf)
{
	struct webhook_conf copy = *conf;

	copy.authorization = copy.headers = NULL;
	copy.secret = copy.secret_old = NULL;
	copy.hmac_header = copy.hmac_secret = NULL;
	return copy;
}

static int
check_url(const struct webhook_conf *conf, struct hsw_error *err)
{
	const struct webhook_conf copy = without_lines(conf);

	return check_target(&copy, err);
}

/* Of a target that is good but for these. */
static int
check_lines(struct webhook_conf lines, struct hsw_error *err)
{
	lines.url = "http://localhost/";
	lines.allow_private = NULL;
	return check_target(&lines, err);
}

static int
check_authorization(const struct webhook_conf *conf, struct hsw_error *err)
{
	struct webhook_conf lines = without_lines(conf);

	lines.authorization = conf->authorization;
	return check_lines(lines, err);
}

static int
check_headers(const struct webhook_conf *conf, struct hsw_error *err)
{
	struct webhook_conf lines = without_lines(conf);

	lines.headers = conf->headers;
	return check_lines(lines, err);
}

void
check_each(const void *conf, void (*report)(void *arg, const char *text), void *arg)
{
	static conf_check_fn *const more[] = { expressions_check_filter,
		expressions_check_transform, check_url, check_authorization, check_headers, NULL };
	conf_check_fn *const *const lists[] = { conf_checks, more };
	struct hsw_error err = { "" };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (conf_check_fn *const *fn = lists[i]; *fn != NULL; fn++) {
			if ((*fn)(conf, &err) != HSW_OK)
				report(arg, err.text);
		}
	}
}

int
check_first(const void *conf, struct hsw_error *err)
{
	int rc = conf_check(conf, err);

	if (rc == HSW_OK)
		rc = expressions_check_filter(conf, err);
	if (rc == HSW_OK)
		rc = expressions_check_transform(conf, err);
	return rc == HSW_OK ? check_target(conf, err) : rc;
}
