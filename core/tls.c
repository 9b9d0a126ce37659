/* SPDX-License-Identifier: Apache-2.0 */
/* tls.c - see tls.h. A struct tls is an SSL_CTX: that counts its references by itself, over threads. */
#include "tls.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "err.h"

/* Forward secrecy and authenticated encryption only (RFC 9325 section 4.2); TLS 1.3 has nothing else. */
#define CIPHERS_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20"

static SSL_CTX *
context_of(struct tls *tls)
{
	return (SSL_CTX *)tls;
}

/* A client that names protocols, but none of ours, must be refused (RFC 7301 section 3.2). */
static int
choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
	const unsigned char *offered, unsigned int n, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1\x08http/1.0";
	unsigned char *chosen;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, offered, n) !=
		OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* A key with a passphrase must not make the daemon ask on a terminal. */
static int
no_passphrase(char *at, int size, int is_writing, void *arg)
{
	(void)at;
	(void)size;
	(void)is_writing;
	(void)arg;
	return -1;
}

static bool
set_up(SSL_CTX *ctx)
{
	static const unsigned char id[] = "hookswitch";

	SSL_CTX_set_options(ctx,
		SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
			SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
	/* An answer that was sent in part goes on from wherever its buffer lies by then; an idle
	 * connection holds no buffers. */
	SSL_CTX_set_mode(ctx,
		SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
			SSL_MODE_RELEASE_BUFFERS);
	/* Sessions live in the clients' tickets, whichever worker they come back to. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
		SSL_CTX_set_cipher_list(ctx, CIPHERS_1_2) == 1 &&
		SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1) == 1;
}

/* The first error is the one that tells; those behind it only say where it passed. */
static int
fail_file(const char *path, const char *what, struct hsw_error *err)
{
	unsigned long error = ERR_peek_error();
	const char *reason = ERR_reason_error_string(error);

	ERR_clear_error();
	return err_set(err, HSW_EINVAL, "%s: %s: %s", path, what,
		reason != NULL ? reason : "not understood");
}

static int
check_readable(const char *path, struct hsw_error *err)
{
	if (access(path, R_OK) == 0)
		return HSW_OK;
	return err_set(err, HSW_EINVAL, "%s: cannot be read: %s", path, strerror(errno));
}

static int
load_pair(SSL_CTX *ctx, const char *cert, const char *key, struct hsw_error *err)
{
	if (check_readable(cert, err) != HSW_OK || check_readable(key, err) != HSW_OK)
		return HSW_EINVAL;
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
		return fail_file(cert, "is no certificate in PEM form", err);
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		return fail_file(key, "is no key in PEM form that fits the certificate", err);
	if (SSL_CTX_check_private_key(ctx) != 1)
		return fail_file(key, "does not fit the certificate", err);
	return HSW_OK;
}

struct tls *
tls_open(const char *cert, const char *key, struct hsw_error *err)
{
	ERR_clear_error();
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	if (ctx == NULL || !set_up(ctx))
		err_set(err, HSW_ENOMEM, "OpenSSL cannot be set up for TLS");
	else if (load_pair(ctx, cert, key, err) == HSW_OK)
		return (struct tls *)ctx;
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return NULL;
}

struct tls *
tls_ref(struct tls *tls)
{
	SSL_CTX_up_ref(context_of(tls));
	return tls;
}

void
tls_unref(struct tls *tls)
{
	SSL_CTX_free(context_of(tls));
}

struct ssl_ctx_st *
tls_context(struct tls *tls)
{
	return context_of(tls);
}
