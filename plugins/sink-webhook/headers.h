/* SPDX-License-Identifier: Apache-2.0 */
/* headers.h - header lines that the configuration adds, checked. */
#ifndef HEADERS_H
#define HEADERS_H

#include <stdbool.h>

#include <curl/curl.h>

#include <hookswitch/plugin.h>

/* All append to the list and return HSW_OK, HSW_ENOMEM, or HSW_EINVAL with err set. */

/* A whole line, as it stands. */
int headers_add_line(struct curl_slist **, const char *line, size_t len);
/* "Authorization: value" */
int headers_add_authorization(struct curl_slist **, const char *value, struct hsw_error *err);
/* The option headers: lines, or, in a text of one line, what stands between bars. */
int headers_add_all(struct curl_slist **, const char *text, struct hsw_error *err);

/* Whether an option may name a header so: a token that neither HTTP nor the plugin sets. */
bool headers_may_name(const char *name, size_t len);
/* Whether it can be part of a header's value (RFC 9110 section 5.5, without the obsolete bytes). */
bool headers_is_value(const char *s, size_t len);

#endif
