/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target.h - where deliveries go: what is the same for all deliveries of one destination, made
 * once.
 *
 * A section has one target; destinations made by the API have each their own. They are found by
 * what their options say, not by address, so that a changed destination never meets stale headers.
 */
#ifndef TARGET_H
#define TARGET_H

#include "signatures.h"

struct targets; /* those of a handle */
struct target;
struct variant; /* what is the same for all events of a type */

struct targets *targets_new(const char *version);
/* All targets must have been given back. */
void targets_free(struct targets *);

/*
 * The target for these options, with one reference for the caller. NULL: err tells why. Options of
 * TLS, which only a section has, are not looked at.
 */
struct target *target_get(struct targets *, const struct webhook_conf *, struct hsw_error *);
struct target *target_ref(struct target *);
void target_unref(struct target *);

/* That of events of this type (of all, unless by_events is set), with one reference for the caller, to be given back
 * before that of the target. Lives as long as it has references. NULL: out of memory. */
struct variant *target_variant(struct target *, struct hsw_str type);
void variant_unref(struct variant *); /* NULL is allowed */
/* Where such events go, parsed once for CURLOPT_CURLU. */
CURLU *variant_url(const struct variant *);
/* A request's first lines. s = NULL: out of memory. */
struct hsw_str variant_head(struct variant *);
/* The configured one. */
CURLU *target_plain_url(struct target *);
/* Whether wire.h serves it: http, and nothing that only curl can do. */
bool target_is_plain(const struct target *);
/* Has curl serve it from now on. */
void target_leave_to_curl(struct target *);
/* "host:port": where connections go. NULL: out of memory. */
const char *target_origin(struct target *);
/* Of that text, once it is made. */
uint32_t target_origin_hash(const struct target *);
/* The header lines that never change and the empty line. s = NULL: out of memory. */
struct hsw_str target_tail(struct target *);
/* Whether its bodies are sent as gzip. */
bool target_is_compressed(const struct target *);
/* Whether it may speak HTTP/2, which only https can (by ALPN). */
bool target_is_tls(const struct target *);
/* What signs its requests; NULL: they are not signed. */
const struct signatures *target_signatures(const struct target *);
/* The header lines that never change, for CURLOPT_HTTPHEADER. */
struct curl_slist *target_headers(const struct target *);
/*
 * Whether the text may be shown to people: no credential of the target is in it, nor its beginning.
 */
bool target_is_safe_text(const struct target *, const char *text, size_t len);
/* A text that is to be searched must go on this many bytes beyond what is shown. */
#define TARGET_SECRET_PREFIX 8

#endif
