/* SPDX-License-Identifier: Apache-2.0 */
/* certs.c - see certs.h. */
#include "certs.h"

#include <stdlib.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

static void
need(int ok)
{
	if (!ok)
		abort();
}

static void
add_extension(X509 *x509, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	need(extension != NULL && X509_add_ext(x509, extension, -1));
	X509_EXTENSION_free(extension);
}

struct cert
cert_new(const char *name, const char *san, const struct cert *issuer)
{
	static long serial = 1;
	struct cert c = { .x509 = X509_new(), .key = EVP_EC_gen("P-256") };

	need(c.x509 != NULL && c.key != NULL);
	X509_set_version(c.x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(c.x509), serial++);
	X509_gmtime_adj(X509_getm_notBefore(c.x509), -3600);
	X509_gmtime_adj(X509_getm_notAfter(c.x509), 3600);
	X509_set_pubkey(c.x509, c.key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(c.x509), "CN", MBSTRING_ASC,
		(const unsigned char *)name, -1, -1, 0);
	if (issuer == NULL)
		issuer = &c;
	X509_set_issuer_name(c.x509, X509_get_subject_name(issuer->x509));
	if (san != NULL)
		add_extension(c.x509, NID_subject_alt_name, san);
	else
		add_extension(c.x509, NID_basic_constraints, "critical,CA:TRUE");
	need(X509_sign(c.x509, issuer->key, EVP_sha256()) > 0);
	return c;
}

void
cert_free(struct cert *c)
{
	X509_free(c->x509);
	EVP_PKEY_free(c->key);
}

void
cert_write(const struct cert *c, const char *path)
{
	FILE *f = fopen(path, "w");

	need(f != NULL && PEM_write_X509(f, c->x509));
	fclose(f);
}

void
cert_write_key(const struct cert *c, const char *path)
{
	FILE *f = fopen(path, "w");

	need(f != NULL && PEM_write_PrivateKey(f, c->key, NULL, NULL, 0, NULL, NULL));
	fclose(f);
}

SSL_CTX *
cert_server(const struct cert *c, const struct cert *client_ca)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	need(SSL_CTX_use_certificate(ctx, c->x509) && SSL_CTX_use_PrivateKey(ctx, c->key));
	if (client_ca == NULL)
		return ctx;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	need(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), client_ca->x509));
	return ctx;
}
