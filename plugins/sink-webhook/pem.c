/* SPDX-License-Identifier: Apache-2.0 */
/* pem.c - see pem.h. */
#include "pem.h"

#include <stdbool.h>
#include <stdio.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

static int
refuse(const char *option, const char *path, const char *why, struct hsw_error *err)
{
	snprintf(err->text, sizeof(err->text), "%s: %.120s %s", option, path, why);
	return HSW_EINVAL;
}

/* NULL: there is none. To be freed. */
static X509 *
read_certificate(const char *path)
{
	BIO *file = BIO_new_file(path, "r");
	X509 *cert = file != NULL ? PEM_read_bio_X509_AUX(file, NULL, NULL, NULL) : NULL;

	BIO_free(file);
	return cert;
}

/* The daemon must not ask on a terminal. */
static int
no_passphrase(char *at, int size, int is_writing, void *was_asked)
{
	(void)at;
	(void)size;
	(void)is_writing;
	*(bool *)was_asked = true;
	return -1;
}

static EVP_PKEY *
read_key(const char *path, bool *has_passphrase)
{
	BIO *file = BIO_new_file(path, "r");
	EVP_PKEY *key = NULL;

	*has_passphrase = false;
	if (file != NULL)
		key = PEM_read_bio_PrivateKey(file, NULL, no_passphrase, has_passphrase);
	BIO_free(file);
	return key;
}

int
pem_check_certificate(const char *option, const char *path, struct hsw_error *err)
{
	X509 *cert = read_certificate(path);
	int rc = cert != NULL ? HSW_OK : refuse(option, path, "has no certificate (PEM)", err);

	ERR_clear_error();
	X509_free(cert);
	return rc;
}

int
pem_check_key(
	const char *cert_path, const char *key_option, const char *key_path, struct hsw_error *err)
{
	bool has_passphrase;
	X509 *cert = read_certificate(cert_path);
	EVP_PKEY *key = read_key(key_path, &has_passphrase);
	int rc = HSW_OK;

	if (has_passphrase)
		rc = refuse(key_option, key_path, "has a key with a passphrase", err);
	else if (key == NULL)
		rc = refuse(key_option, key_path, "has no private key (PEM)", err);
	else if (cert != NULL && X509_check_private_key(cert, key) != 1)
		rc = refuse(key_option, key_path, "has another key than that of cert_file", err);
	ERR_clear_error();
	X509_free(cert);
	EVP_PKEY_free(key);
	return rc;
}
