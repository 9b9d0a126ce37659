/* SPDX-License-Identifier: Apache-2.0 */
/* signatures.c - see signatures.h. */
#include "signatures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "headers.h"
#include "sign.h"

#define SECRETS 2

struct signatures {
	struct signer *standard[SECRETS]; /* the new one first; NULL: none */
	struct signer *hmac;
	enum sign_encoding encoding;
	char header[HMAC_HEADER_MAX + 1];
	char prefix[HMAC_PREFIX_MAX + 1];
};

void
signatures_free(struct signatures *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < SECRETS; i++)
		signer_free(s->standard[i]);
	signer_free(s->hmac);
	free(s);
}

static int
invalid(struct hsw_error *err, const char *text)
{
	snprintf(err->text, sizeof(err->text), "%s", text);
	return HSW_EINVAL;
}

static int
add_standard(struct signatures *s, const struct webhook_conf *conf, struct hsw_error *err)
{
	if (conf->secret == NULL)
		return conf->secret_old == NULL ? HSW_OK
						: invalid(err, "secret_old: is set, but no secret");
	s->standard[0] = signer_new("secret", conf->secret, err);
	if (s->standard[0] == NULL)
		return HSW_EINVAL;
	if (conf->secret_old != NULL)
		s->standard[1] = signer_new("secret_old", conf->secret_old, err);
	return conf->secret_old == NULL || s->standard[1] != NULL ? HSW_OK : HSW_EINVAL;
}

static int
add_hmac(struct signatures *s, const struct webhook_conf *conf, struct hsw_error *err)
{
	const char *header = conf->hmac_header;
	const char *prefix = conf->hmac_prefix != NULL ? conf->hmac_prefix : "";

	if ((header == NULL) != (conf->hmac_secret == NULL))
		return invalid(err, "hmac_header and hmac_secret: one is set without the other");
	if (header == NULL)
		return HSW_OK;
	if (strlen(header) > HMAC_HEADER_MAX || !headers_may_name(header, strlen(header)))
		return invalid(err, "hmac_header: expected the name of a header that is free");
	if (strlen(prefix) > HMAC_PREFIX_MAX || !headers_is_value(prefix, strlen(prefix)))
		return invalid(err, "hmac_prefix: too long, or has control characters");
	memcpy(s->header, header, strlen(header));
	memcpy(s->prefix, prefix, strlen(prefix));
	s->encoding = (enum sign_encoding)conf->hmac_encoding;
	s->hmac = signer_new_hmac(
		conf->hmac_secret, (enum sign_algorithm)conf->hmac_algorithm, err);
	return s->hmac != NULL ? HSW_OK : HSW_EINVAL;
}

int
signatures_new(const struct webhook_conf *conf, struct signatures **out, struct hsw_error *err)
{
	struct signatures *s = calloc(1, sizeof(*s));

	*out = NULL;
	if (s == NULL) {
		snprintf(err->text, sizeof(err->text), "out of memory");
		return HSW_ENOMEM;
	}
	int rc = add_standard(s, conf, err);
	if (rc == HSW_OK)
		rc = add_hmac(s, conf, err);
	if (rc == HSW_OK && (s->standard[0] != NULL || s->hmac != NULL))
		*out = s;
	else
		signatures_free(s);
	return rc;
}

bool
signatures_is_standard(const struct signatures *s)
{
	return s != NULL && s->standard[0] != NULL;
}

bool
signatures_is_hmac(const struct signatures *s)
{
	return s != NULL && s->hmac != NULL;
}

bool
signatures_write_standard(
	const struct signatures *s, const struct signed_request *r, char line[SIGNATURE_LINE_SIZE])
{
	char text[SECRETS][SIGN_TEXT_SIZE] = { "" };

	for (size_t i = 0; i < SECRETS; i++) {
		if (s->standard[i] != NULL &&
			!signer_sign(
				s->standard[i], r->id, r->timestamp, r->body, r->pieces, text[i]))
			return false;
	}
	snprintf(line, SIGNATURE_LINE_SIZE, "webhook-signature: %s%s%s", text[0],
		text[1][0] != '\0' ? " " : "", text[1]);
	return true;
}

bool
signatures_write_hmac(
	const struct signatures *s, const struct signed_request *r, char line[HMAC_LINE_SIZE])
{
	char text[SIGN_HMAC_SIZE];

	if (!signer_hmac(s->hmac, r->body, r->pieces, s->encoding, text))
		return false;
	snprintf(line, HMAC_LINE_SIZE, "%s: %s%s", s->header, s->prefix, text);
	return true;
}
