/* SPDX-License-Identifier: Apache-2.0 */
/* certs.h - certificates for tests, made on the spot. Whatever fails aborts. */
#ifndef CERTS_H
#define CERTS_H

#include <openssl/ssl.h>

struct cert {
	X509 *x509;
	EVP_PKEY *key;
};

/* san: its subjectAltName, e.g. "IP:127.0.0.1", or NULL for one that may sign others. issuer:
 * NULL for a self-signed one. */
struct cert cert_new(const char *name, const char *san, const struct cert *issuer);
void cert_free(struct cert *);
/* Writes the certificate, or its key, as PEM. */
void cert_write(const struct cert *, const char *path);
void cert_write_key(const struct cert *, const char *path);
/* A server's settings. client_ca: only clients with a certificate of it come in; NULL: all do. */
SSL_CTX *cert_server(const struct cert *, const struct cert *client_ca);

#endif
