/* SPDX-License-Identifier: Apache-2.0 */
/* tls.h - TLS to a collector (RFC 5425): settings, and sessions whose peer is verified. */
#ifndef TLS_H
#define TLS_H

#include <stdbool.h>

#include <openssl/ssl.h>

#include <hookswitch/plugin.h>

struct tls_settings {
	const char *ca_file;              /* NULL: those of the system */
	const char *cert_file, *key_file; /* NULL: no certificate of ours */
};

/* NULL: err tells which file is wrong. */
SSL_CTX *tls_new(const struct tls_settings *, struct hsw_error *err);
/* A session over a connected socket, not shaken hands yet; host (a name or number) must be in the
 * peer's certificate. NULL: out of memory. */
SSL *tls_connect(SSL_CTX *, int fd, const char *host);
/* Whether the last call failed because the other side sent a fatal alert (RFC 8446 section 6.2). */
bool tls_is_alert(void);
/* Why the last call failed, which is forgotten: of the certificate, of OpenSSL, or of the system. */
void tls_reason(const SSL *, int ssl_error, char *text, size_t size);

#endif
