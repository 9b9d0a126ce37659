/* SPDX-License-Identifier: Apache-2.0 */
/* signature.c - see signature.h. */
#include "signature.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "form.h"
#include "value.h"

#define ENCODED_MAX (2 * EVP_MAX_MD_SIZE + 1) /* hex, and base64 is shorter */

struct text {
	char *bytes;
	size_t len;
};

/* ---- what is signed ---- */

static int
by_name(const void *a, const void *b)
{
	const struct form_field *one = a, *other = b;
	size_t n = one->name.len < other->name.len ? one->name.len : other->name.len;
	int order = memcmp(one->name.s, other->name.s, n);

	if (order != 0)
		return order;
	if (one->name.len != other->name.len)
		return one->name.len < other->name.len ? -1 : 1;
	n = one->value.len < other->value.len ? one->value.len : other->value.len;
	order = memcmp(one->value.s, other->value.s, n);
	return order != 0
		? order
		: (one->value.len > other->value.len) - (one->value.len < other->value.len);
}

/* The URL that the provider has: the section's, the instance, what follows, and the query as it came. */
static void
write_url(FILE *out, const char *url, const struct hsw_request *r)
{
	size_t n = strlen(url);

	fprintf(out, "%.*s/", (int)(n > 0 && url[n - 1] == '/' ? n - 1 : n), url);
	fwrite(r->instance.s, 1, r->instance.len, out);
	fwrite(r->path.s, 1, r->path.len, out);
	if (r->query.len > 0) {
		fputc('?', out);
		fwrite(r->query.s, 1, r->query.len, out);
	}
}

/* A field that occurs twice with the same value is signed once. */
static void
write_fields(FILE *out, struct form *form)
{
	if (form->n > 0)
		qsort(form->fields, form->n, sizeof(*form->fields), by_name);
	for (size_t i = 0; i < form->n; i++) {
		const struct form_field *f = &form->fields[i];
		if (i > 0 && by_name(f - 1, f) == 0)
			continue;
		fwrite(f->name.s, 1, f->name.len, out);
		fwrite(f->value.s, 1, f->value.len, out);
	}
}

static int
signed_text(const struct signature *s, const struct hsw_request *request, struct text *text,
	struct hsw_error *err)
{
	struct form form = { .bytes = NULL };
	int rc = value_is_form(request) ? form_read(&form, request->body, err) : HSW_OK;
	FILE *out = rc == HSW_OK ? open_memstream(&text->bytes, &text->len) : NULL;

	if (out != NULL) {
		write_url(out, s->url, request);
		write_fields(out, &form);
		rc = fclose(out) == 0 ? HSW_OK : HSW_ENOMEM;
	} else if (rc == HSW_OK) {
		rc = HSW_ENOMEM;
	}
	form_free(&form);
	return rc;
}

/* ---- the check ---- */

static bool
encode(int encoding, const unsigned char *mac, unsigned n, char out[ENCODED_MAX])
{
	if (encoding == SIGNATURE_BASE64)
		return EVP_EncodeBlock((unsigned char *)out, mac, (int)n) > 0;
	for (unsigned i = 0; i < n; i++)
		snprintf(out + 2 * (size_t)i, 3, "%02x", mac[i]);
	return true;
}

/* The header's value behind the prefix; hex digits in lower case. s = NULL: it is not there. */
static bool
given(const struct signature *s, const struct hsw_request *request, char out[ENCODED_MAX])
{
	struct hsw_str value = request->header(request, s->header);
	size_t skip = s->prefix != NULL ? strlen(s->prefix) : 0;

	if (value.s == NULL || value.len < skip || value.len - skip >= ENCODED_MAX ||
		(skip > 0 && memcmp(value.s, s->prefix, skip) != 0))
		return false;
	memset(out, 0, ENCODED_MAX);
	memcpy(out, value.s + skip, value.len - skip);
	for (char *c = out; s->encoding == SIGNATURE_HEX && *c != '\0'; c++)
		*c = *c >= 'A' && *c <= 'F' ? (char)(*c | 0x20) : *c;
	return true;
}

static int
compare(const struct signature *s, const struct hsw_request *request, struct hsw_str text,
	struct hsw_error *err)
{
	const EVP_MD *const hashes[] = { EVP_sha1(), EVP_sha256(), EVP_sha512() };
	unsigned char mac[EVP_MAX_MD_SIZE];
	char wanted[ENCODED_MAX] = { 0 }, found[ENCODED_MAX];
	unsigned n = 0;

	if (!given(s, request, found)) {
		snprintf(
			err->text, sizeof(err->text), "%s: is missing, or no signature", s->header);
		return HSW_EAUTH;
	}
	if (HMAC(hashes[s->hash], s->key, (int)strlen(s->key), (const unsigned char *)text.s,
		    text.len, mac, &n) == NULL ||
		!encode(s->encoding, mac, n, wanted))
		return HSW_ENOMEM;
	if (CRYPTO_memcmp(wanted, found, sizeof(wanted)) == 0)
		return HSW_OK;
	snprintf(err->text, sizeof(err->text), "%s: is not the signature of this request",
		s->header);
	return HSW_EAUTH;
}

/* What stands in the query for a body that is no form: bodySHA256=<hex>. */
static bool
query_has_hash(const struct hsw_request *request)
{
	static const char name[] = "bodySHA256=";
	unsigned char hash[EVP_MAX_MD_SIZE];
	char hex[ENCODED_MAX];
	unsigned n = 0;
	const char *at = request->query.len > 0
		? memmem(request->query.s, request->query.len, name, sizeof(name) - 1)
		: NULL;

	if (at == NULL ||
		EVP_Digest(request->body.s, request->body.len, hash, &n, EVP_sha256(), NULL) != 1)
		return false;
	encode(SIGNATURE_HEX, hash, n, hex);
	at += sizeof(name) - 1;
	return (size_t)(request->query.s + request->query.len - at) >= 2 * (size_t)n &&
		CRYPTO_memcmp(at, hex, 2 * (size_t)n) == 0;
}

int
signature_check(const struct signature *s, const struct hsw_request *request, struct hsw_error *err)
{
	struct text text = { NULL, 0 };

	if (s->key == NULL)
		return HSW_OK;
	if (s->over == SIGNATURE_BODY)
		return compare(s, request, request->body, err);
	if (!value_is_form(request) && !query_has_hash(request)) {
		snprintf(err->text, sizeof(err->text),
			"body: is no form, and bodySHA256 in the query is not its hash");
		return HSW_EAUTH;
	}
	int rc = signed_text(s, request, &text, err);
	if (rc == HSW_OK)
		rc = compare(s, request, (struct hsw_str){ text.bytes, text.len }, err);
	free(text.bytes);
	return rc;
}
