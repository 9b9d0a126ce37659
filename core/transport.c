/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport.c - see transport.h.
 *
 * OpenSSL's error queue belongs to the thread, so it is emptied before each call: SSL_get_error judges by
 * what lies in it.
 */
#include "transport.h"

#include <errno.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <hookswitch/plugin.h>

int
transport_open(struct transport *t, int fd, struct tls *tls)
{
	*t = (struct transport){ .fd = fd };
	if (tls == NULL)
		return HSW_OK;
	t->tls = SSL_new(tls_context(tls));
	if (t->tls == NULL || SSL_set_fd(t->tls, fd) != 1) {
		SSL_free(t->tls);
		ERR_clear_error();
		*t = (struct transport){ .fd = -1 };
		return HSW_ENOMEM;
	}
	SSL_set_accept_state(t->tls);
	return HSW_OK;
}

static const char *
reason_of_failure(unsigned long error)
{
	const char *reason = error != 0 ? ERR_reason_error_string(error) : NULL;

	return reason != NULL ? reason : "the client closed the connection";
}

enum transport_state
transport_accept(struct transport *t, const char **why)
{
	ERR_clear_error();
	int rc = SSL_accept(t->tls);
	if (rc == 1)
		return TRANSPORT_READY;
	int error = SSL_get_error(t->tls, rc);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
		t->wants_write = error == SSL_ERROR_WANT_WRITE;
		return TRANSPORT_WAITING;
	}
	unsigned long reason = ERR_peek_error();
	t->is_broken = true;
	*why = reason_of_failure(reason);
	ERR_clear_error();
	return ERR_GET_LIB(reason) == ERR_LIB_SSL && ERR_GET_REASON(reason) == SSL_R_HTTP_REQUEST
		? TRANSPORT_IS_HTTP
		: TRANSPORT_FAILED;
}

/* What SSL_read and SSL_write said, in the words of recv and send. */
static ssize_t
result_of(struct transport *t, int rc)
{
	int error = SSL_get_error(t->tls, rc);

	switch (error) {
	case SSL_ERROR_NONE:
		return rc;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		t->wants_write = error == SSL_ERROR_WANT_WRITE;
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		t->is_broken = true;
		ERR_clear_error();
		errno = ECONNRESET;
		return -1;
	}
}

ssize_t
transport_recv_tls(struct transport *t, void *at, size_t n)
{
	ERR_clear_error();
	return result_of(t, SSL_read(t->tls, at, n > INT32_MAX ? INT32_MAX : (int)n));
}

ssize_t
transport_send_tls(struct transport *t, const void *at, size_t n)
{
	if (n == 0)
		return 0;
	ERR_clear_error();
	return result_of(t, SSL_write(t->tls, at, n > INT32_MAX ? INT32_MAX : (int)n));
}

bool
transport_has_pending(const struct transport *t)
{
	return t->tls != NULL && SSL_pending(t->tls) > 0;
}

static void
notify(struct transport *t)
{
	if (t->tls == NULL || t->is_broken || !SSL_is_init_finished(t->tls))
		return;
	ERR_clear_error();
	if (SSL_shutdown(t->tls) < 0)
		ERR_clear_error();
}

void
transport_shutdown(struct transport *t)
{
	notify(t);
	shutdown(t->fd, SHUT_WR);
}

void
transport_close(struct transport *t)
{
	notify(t);
	SSL_free(t->tls);
	close(t->fd);
	*t = (struct transport){ .fd = -1 };
}
