/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.h - a certificate with its key, and how the server speaks TLS with it (1.2 and 1.3, HTTP/1.1).
 * Refcounted and immutable: any thread may open connections with it.
 */
#ifndef TLS_H
#define TLS_H

#include <hookswitch/plugin.h>

struct tls;
struct ssl_ctx_st; /* SSL_CTX */

/* Reads both PEM files; the certificate's file may go on with the chain. NULL: err names the file and what
 * is wrong with it. */
struct tls *tls_open(const char *cert, const char *key, struct hsw_error *err);
struct tls *tls_ref(struct tls *);
/* NULL is allowed. */
void tls_unref(struct tls *);
/* Borrowed. */
struct ssl_ctx_st *tls_context(struct tls *);

#endif
