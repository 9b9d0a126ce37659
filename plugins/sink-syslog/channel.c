/* SPDX-License-Identifier: Apache-2.0 */
/* channel.c - see channel.h. */
#include "channel.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define KEEPALIVE_SECONDS 30
#define CHECK_READS 16 /* in one check; the loop calls again */

static enum step
fail(struct channel *c, int error)
{
	char buffer[128];

	c->error = error;
	snprintf(c->why, sizeof(c->why), "%s", strerror_r(error, buffer, sizeof(buffer)));
	return STEP_FAILED;
}

static enum step
fail_closed(struct channel *c)
{
	c->error = 0;
	snprintf(c->why, sizeof(c->why), "closed by the other side");
	return STEP_FAILED;
}

/* ---- opening -------------------------------------------------------------------------------- */

/* Helps only; the connection works without. */
static void
tune(int fd)
{
	const int on = 1, seconds = KEEPALIVE_SECONDS;
	const unsigned limit_ms = UNACKNOWLEDGED_MS;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof(seconds));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof(seconds));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof(limit_ms));
}

static enum step
start(struct channel *c, int family, int type, const struct sockaddr *to, socklen_t len)
{
	*c = (struct channel){ .is_stream = type == SOCK_STREAM };
	c->fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return fail(c, errno);
	if (c->is_stream && family != AF_UNIX)
		tune(c->fd);
	if (connect(c->fd, to, len) == 0)
		return STEP_DONE;
	if (errno == EINPROGRESS)
		return STEP_WRITE;
	int error = errno;
	channel_close(c);
	return fail(c, error);
}

enum step
channel_open(struct channel *c, const struct addrinfo *to)
{
	return start(c, to->ai_family, to->ai_socktype, to->ai_addr, to->ai_addrlen);
}

enum step
channel_open_local(struct channel *c, const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	enum step step = start(c, AF_UNIX, SOCK_DGRAM, (struct sockaddr *)&to, sizeof(to));
	if (step == STEP_FAILED && c->error == EPROTOTYPE)
		step = start(c, AF_UNIX, SOCK_STREAM, (struct sockaddr *)&to, sizeof(to));
	return step;
}

enum step
channel_connected(struct channel *c)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	return error == 0 ? STEP_DONE : fail(c, error);
}

void
channel_close(struct channel *c)
{
	if (c->ssl != NULL) {
		/* Tells the other side that nothing was cut off, if there is room. */
		if (SSL_is_init_finished(c->ssl))
			SSL_shutdown(c->ssl);
		SSL_free(c->ssl);
		ERR_clear_error();
	}
	if (c->fd >= 0)
		close(c->fd);
	c->ssl = NULL;
	c->fd = -1;
}

/* ---- TLS ------------------------------------------------------------------------------------ */

static enum step
tls_step(struct channel *c, int rc)
{
	int error = SSL_get_error(c->ssl, rc);

	if (error == SSL_ERROR_WANT_READ)
		return STEP_READ;
	if (error == SSL_ERROR_WANT_WRITE)
		return STEP_WRITE;
	c->error = 0;
	c->is_refused |= tls_is_alert();
	tls_reason(c->ssl, error, c->why, sizeof(c->why));
	/* Nothing more may be said on it. */
	SSL_set_quiet_shutdown(c->ssl, 1);
	return STEP_FAILED;
}

enum step
channel_shake(struct channel *c, SSL_CTX *ctx, const char *host)
{
	if (c->ssl == NULL)
		c->ssl = tls_connect(ctx, c->fd, host);
	if (c->ssl == NULL)
		return fail(c, ENOMEM);
	errno = 0;
	ERR_clear_error();
	int rc = SSL_do_handshake(c->ssl);
	return rc == 1 ? STEP_DONE : tls_step(c, rc);
}

bool
channel_is_unconfirmed(const struct channel *c)
{
	return c->ssl != NULL && SSL_version(c->ssl) >= TLS1_3_VERSION;
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static enum step
check_plain(struct channel *c, char *bytes, size_t size)
{
	ssize_t n = recv(c->fd, bytes, size, 0);

	if (n == 0)
		return fail_closed(c);
	if (n > 0 || errno == EINTR)
		return STEP_DONE;
	return errno == EAGAIN || errno == EWOULDBLOCK ? STEP_READ : fail(c, errno);
}

static enum step
check_tls(struct channel *c, char *bytes, size_t size)
{
	size_t n;

	errno = 0;
	ERR_clear_error();
	int rc = SSL_read_ex(c->ssl, bytes, size, &n);
	return rc == 1 ? STEP_DONE : tls_step(c, rc);
}

enum step
channel_check(struct channel *c)
{
	char bytes[1024];
	enum step step = STEP_DONE;

	for (int i = 0; i < CHECK_READS && step == STEP_DONE; i++)
		step = c->ssl != NULL ? check_tls(c, bytes, sizeof(bytes))
				      : check_plain(c, bytes, sizeof(bytes));
	return step == STEP_FAILED ? STEP_FAILED : STEP_DONE;
}

static enum step
send_plain(struct channel *c, const char *bytes, size_t len, size_t *sent)
{
	ssize_t n = send(c->fd, bytes, len, MSG_NOSIGNAL);

	if (n < 0 && errno == EINTR)
		return STEP_DONE; /* nothing sent: the caller goes on */
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return STEP_WRITE;
	if (n < 0)
		return fail(c, errno);
	c->sent_bytes += (uint64_t)n;
	*sent += (size_t)n;
	return STEP_DONE;
}

static enum step
send_tls(struct channel *c, const char *bytes, size_t len, size_t *sent)
{
	size_t n = 0;

	errno = 0;
	ERR_clear_error();
	int rc = SSL_write_ex(c->ssl, bytes, len, &n);
	*sent += n;
	return rc == 1 ? STEP_DONE : tls_step(c, rc);
}

enum step
channel_send(struct channel *c, const char *bytes, size_t len, size_t *sent)
{
	enum step step = STEP_DONE;

	*sent = 0;
	while (step == STEP_DONE && *sent < len)
		step = c->ssl != NULL ? send_tls(c, bytes + *sent, len - *sent, sent)
				      : send_plain(c, bytes + *sent, len - *sent, sent);
	/* It may have said why it closed. */
	if (step == STEP_FAILED && c->ssl != NULL)
		channel_check(c);
	return step;
}

uint64_t
channel_position(const struct channel *c)
{
	return c->ssl != NULL ? BIO_number_written(SSL_get_wbio(c->ssl)) : c->sent_bytes;
}

uint64_t
channel_acknowledged(const struct channel *c)
{
	uint64_t position = channel_position(c);
	int unacknowledged = 0;

	if (ioctl(c->fd, SIOCOUTQ, &unacknowledged) != 0 || unacknowledged < 0)
		return position;
	return (uint64_t)unacknowledged < position ? position - (uint64_t)unacknowledged : 0;
}
