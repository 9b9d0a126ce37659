/* SPDX-License-Identifier: Apache-2.0 */
/* tls.c - see tls.h. */
#include "tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

static int
refuse(struct hsw_error *err, const char *option, const char *file)
{
	char reason[128];
	unsigned long code = ERR_peek_last_error();

	ERR_error_string_n(code, reason, sizeof(reason));
	const char *text = ERR_reason_error_string(code);
	snprintf(err->text, sizeof(err->text), "%s: %.120s: %.90s", option, file,
		text != NULL ? text : reason);
	ERR_clear_error();
	return HSW_EINVAL;
}

static int
load_ca(SSL_CTX *ctx, const char *file, struct hsw_error *err)
{
	if (file == NULL) {
		SSL_CTX_set_default_verify_paths(ctx);
		return HSW_OK;
	}
	return SSL_CTX_load_verify_locations(ctx, file, NULL) == 1 ? HSW_OK
								   : refuse(err, "ca_file", file);
}

static int
load_own(SSL_CTX *ctx, const struct tls_settings *set, struct hsw_error *err)
{
	if (set->cert_file == NULL)
		return HSW_OK;
	const char *key = set->key_file != NULL ? set->key_file : set->cert_file;
	if (SSL_CTX_use_certificate_chain_file(ctx, set->cert_file) != 1)
		return refuse(err, "cert_file", set->cert_file);
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		return refuse(err, "key_file", key);
	return HSW_OK;
}

SSL_CTX *
tls_new(const struct tls_settings *set, struct hsw_error *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL) {
		snprintf(err->text, sizeof(err->text), "out of memory");
		return NULL;
	}
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	/* A socket may be writable for less than a message, which then goes on where it stopped. */
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (load_ca(ctx, set->ca_file, err) == HSW_OK && load_own(ctx, set, err) == HSW_OK)
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

static bool
is_number(const char *host)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* RFC 6066 section 3: names only in the SNI. */
static bool
expect_host(SSL *ssl, const char *host)
{
	if (is_number(host))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

SSL *
tls_connect(SSL_CTX *ctx, int fd, const char *host)
{
	SSL *ssl = SSL_new(ctx);

	if (ssl == NULL)
		return NULL;
	if (expect_host(ssl, host) && SSL_set_fd(ssl, fd) == 1) {
		SSL_set_connect_state(ssl);
		return ssl;
	}
	SSL_free(ssl);
	return NULL;
}

bool
tls_is_alert(void)
{
	unsigned long code = ERR_peek_last_error();

	return ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET;
}

void
tls_reason(const SSL *ssl, int ssl_error, char *text, size_t size)
{
	int saved = errno;
	long verified = SSL_get_verify_result(ssl);
	unsigned long code = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(code);

	if (verified != X509_V_OK)
		snprintf(text, size, "certificate: %s", X509_verify_cert_error_string(verified));
	else if (code != 0 && reason != NULL)
		snprintf(text, size, "TLS: %s", reason);
	else if (ssl_error == SSL_ERROR_SYSCALL && saved != 0)
		snprintf(text, size, "%s", strerrordesc_np(saved));
	else
		snprintf(text, size, "closed by the other side");
	ERR_clear_error();
}
