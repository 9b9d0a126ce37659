/* SPDX-License-Identifier: Apache-2.0 */
/* ws_stream.c - see ws_stream.h. The socket does not block; all waiting is in wait_for. */
#include "ws_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "err.h"

#define CONNECT_TIMEOUT_MS 10000
#define SEND_TIMEOUT_MS 10000

/* ---- URLs ---- */

/* false: it does not fit. */
static bool
copy_text(char *to, size_t size, const char *from, size_t len)
{
	if (len >= size)
		return false;
	memcpy(to, from, len);
	to[len] = '\0';
	return true;
}

static bool
set_host(struct ws_url *u, struct hsw_str host)
{
	const char *port = memrchr(host.s, ':', host.len);

	if (port != NULL && memchr(port, ']', host.len - (size_t)(port - host.s)) != NULL)
		port = NULL;
	size_t len = port != NULL ? (size_t)(port - host.s) : host.len;
	if (port != NULL && !copy_text(u->port, sizeof(u->port), port + 1, host.len - len - 1))
		return false;
	if (len > 1 && host.s[0] == '[' && host.s[len - 1] == ']') {
		host.s++;
		len -= 2;
	}
	return copy_text(u->host, sizeof(u->host), host.s, len) && len > 0 && u->port[0] != '\0';
}

int
ws_url_parse(const char *text, struct ws_url *u, struct hsw_error *err)
{
	static const struct {
		const char *scheme;
		const char *port;
		bool is_tls;
	} schemes[] = { { "ws://", "80", false }, { "http://", "80", false },
		{ "wss://", "443", true }, { "https://", "443", true } };

	*u = (struct ws_url){ .is_unix = strncmp(text, "unix:", 5) == 0 };
	if (u->is_unix && copy_text(u->path, sizeof(u->path), text + 5, strlen(text + 5)))
		return HSW_OK;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t n = strlen(schemes[i].scheme);
		if (strncmp(text, schemes[i].scheme, n) != 0)
			continue;
		size_t host = strcspn(text + n, "/");
		const char *path = text + n + host;
		snprintf(u->port, sizeof(u->port), "%s", schemes[i].port);
		u->is_tls = schemes[i].is_tls;
		if (copy_text(u->path, sizeof(u->path), path, strlen(path)) &&
			set_host(u, (struct hsw_str){ text + n, host }))
			return HSW_OK;
	}
	return err_set(err, HSW_EINVAL,
		"%s: expected ws://HOST:PORT, wss://HOST:PORT or unix:/path/of/a/socket", text);
}

/* ---- waiting ---- */

static int
wait_for(struct ws_stream *s, short events, int timeout_ms)
{
	struct pollfd p = { .fd = s->fd, .events = events };
	const struct timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };

	if (*s->must_stop)
		return HSW_ECLOSED;
	int n = ppoll(&p, 1, &timeout, &s->mask);
	if (*s->must_stop)
		return HSW_ECLOSED;
	return n > 0 || (n < 0 && errno == EINTR) ? HSW_OK : n == 0 ? HSW_EAGAIN : HSW_EIO;
}

/* After a call of OpenSSL: HSW_OK: again now; else how it ended. */
static int
wait_for_tls(struct ws_stream *s, int rc, int timeout_ms)
{
	switch (SSL_get_error(s->tls, rc)) {
	case SSL_ERROR_WANT_READ:
		return wait_for(s, POLLIN, timeout_ms);
	case SSL_ERROR_WANT_WRITE:
		return wait_for(s, POLLOUT, timeout_ms);
	default:
		return HSW_EIO;
	}
}

/* ---- opening ---- */

static int
finish_connect(struct ws_stream *s)
{
	int error = 0;
	socklen_t len = sizeof(error);

	int rc = wait_for(s, POLLOUT, CONNECT_TIMEOUT_MS);
	if (rc == HSW_EAGAIN)
		errno = ETIMEDOUT;
	if (rc != HSW_OK)
		return rc == HSW_EAGAIN ? HSW_EIO : rc;
	getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	errno = error;
	return error == 0 ? HSW_OK : HSW_EIO;
}

static int
connect_to(struct ws_stream *s, const struct sockaddr *to, socklen_t len)
{
	s->fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return HSW_EIO;
	int rc = connect(s->fd, to, len) == 0 ? HSW_OK
		: errno == EINPROGRESS        ? finish_connect(s)
					      : HSW_EIO;
	if (rc == HSW_OK)
		return HSW_OK;
	int why = errno;
	close(s->fd);
	s->fd = -1;
	errno = why;
	return rc;
}

static int
connect_unix(struct ws_stream *s, const char *path, struct hsw_error *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(a.sun_path))
		return err_set(err, HSW_EINVAL, "%s: longer than a socket's path may be", path);
	memcpy(a.sun_path, path, strlen(path) + 1);
	int rc = connect_to(s, (struct sockaddr *)&a, sizeof(a));
	return rc == HSW_EIO ? err_set(err, rc, "%s: %s", path, strerror(errno)) : rc;
}

static int
connect_tcp(struct ws_stream *s, const struct ws_url *u, struct hsw_error *err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	int rc = getaddrinfo(u->host, u->port, &hints, &found);

	if (rc != 0)
		return err_set(err, HSW_EIO, "%s: %s", u->host, gai_strerror(rc));
	rc = HSW_EIO;
	for (const struct addrinfo *a = found; a != NULL && rc == HSW_EIO; a = a->ai_next)
		rc = connect_to(s, a->ai_addr, a->ai_addrlen);
	freeaddrinfo(found);
	return rc == HSW_EIO ? err_set(err, rc, "%s port %s: %s", u->host, u->port, strerror(errno))
			     : rc;
}

static bool
name_peer(SSL *tls, const char *host)
{
	unsigned char address[16];

	if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), host) == 1;
	return SSL_set_tlsext_host_name(tls, host) == 1 && SSL_set1_host(tls, host) == 1;
}

static int
fail_handshake(struct ws_stream *s, const char *host, struct hsw_error *err)
{
	long verified = SSL_get_verify_result(s->tls);
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	if (verified != X509_V_OK)
		return err_set(err, HSW_EAUTH, "%s: its certificate is not trusted: %s", host,
			X509_verify_cert_error_string(verified));
	return err_set(err, HSW_EIO, "%s: TLS failed: %s", host,
		reason != NULL ? reason : "the connection ended");
}

static int
shake_hands(struct ws_stream *s, const struct ws_url *u, struct hsw_error *err)
{
	int rc = HSW_OK, done;

	do {
		ERR_clear_error();
		done = SSL_connect(s->tls);
		if (done != 1)
			rc = wait_for_tls(s, done, CONNECT_TIMEOUT_MS);
	} while (done != 1 && rc == HSW_OK);
	if (done == 1 || rc == HSW_ECLOSED)
		return done == 1 ? HSW_OK : rc;
	return rc == HSW_EAGAIN ? err_set(err, HSW_EIO, "%s: TLS: no answer", u->host)
				: fail_handshake(s, u->host, err);
}

static int
start_tls(struct ws_stream *s, const struct ws_url *u, const char *ca, struct hsw_error *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int rc = HSW_OK;

	if (ctx == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_default_verify_paths(ctx);
	if (ca != NULL && SSL_CTX_load_verify_file(ctx, ca) != 1)
		rc = err_set(err, HSW_EAUTH, "%s: no certificates in PEM form", ca);
	s->tls = rc == HSW_OK ? SSL_new(ctx) : NULL;
	SSL_CTX_free(ctx);
	if (rc != HSW_OK)
		return rc;
	if (s->tls == NULL || SSL_set_fd(s->tls, s->fd) != 1 || !name_peer(s->tls, u->host))
		return err_set(err, HSW_ENOMEM, "TLS cannot be set up");
	return shake_hands(s, u, err);
}

int
ws_stream_open(struct ws_stream *s, const struct ws_url *u, const char *ca, struct hsw_error *err)
{
	s->fd = -1;
	s->tls = NULL;
	int rc = u->is_unix ? connect_unix(s, u->path, err) : connect_tcp(s, u, err);
	if (rc == HSW_OK && u->is_tls)
		rc = start_tls(s, u, ca, err);
	if (rc != HSW_OK)
		ws_stream_close(s);
	return rc;
}

void
ws_stream_close(struct ws_stream *s)
{
	if (s->tls != NULL && SSL_is_init_finished(s->tls))
		SSL_shutdown(s->tls);
	SSL_free(s->tls);
	ERR_clear_error();
	if (s->fd >= 0)
		close(s->fd);
	s->tls = NULL;
	s->fd = -1;
}

/* ---- bytes ---- */

int
ws_stream_send(struct ws_stream *s, const void *data, size_t n)
{
	const char *at = data;

	while (n > 0) {
		ERR_clear_error();
		ssize_t sent = s->tls != NULL ? SSL_write(s->tls, at, (int)n)
					      : send(s->fd, at, n, MSG_NOSIGNAL);
		int rc = HSW_OK;
		if (sent <= 0 && s->tls != NULL)
			rc = wait_for_tls(s, (int)sent, SEND_TIMEOUT_MS);
		else if (sent < 0)
			rc = errno == EAGAIN ? wait_for(s, POLLOUT, SEND_TIMEOUT_MS) : HSW_EIO;
		if (rc != HSW_OK)
			return rc == HSW_EAGAIN ? HSW_EIO : rc;
		at += sent > 0 ? sent : 0;
		n -= sent > 0 ? (size_t)sent : 0;
	}
	return HSW_OK;
}

ssize_t
ws_stream_recv(struct ws_stream *s, void *at, size_t n, int timeout_ms)
{
	for (;;) {
		int rc;
		ERR_clear_error();
		ssize_t got = s->tls != NULL ? SSL_read(s->tls, at, (int)n) : recv(s->fd, at, n, 0);
		if (got > 0 || (got == 0 && s->tls == NULL))
			return got;
		if (s->tls != NULL && SSL_get_error(s->tls, (int)got) == SSL_ERROR_ZERO_RETURN)
			return 0;
		if (s->tls != NULL)
			rc = wait_for_tls(s, (int)got, timeout_ms);
		else
			rc = errno == EAGAIN ? wait_for(s, POLLIN, timeout_ms) : HSW_EIO;
		if (rc != HSW_OK)
			return rc;
	}
}
