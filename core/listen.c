/* SPDX-License-Identifier: Apache-2.0 */
/* listen.c - see listen.h. */
#include "listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "config_listen.h"
#include "err.h"
#include "notify.h"

#define BACKLOG 4096

/* Whether somebody listens on the socket: then it must not be taken away from them. */
static bool
is_in_use(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool in_use = fd >= 0 && connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0;

	if (fd >= 0)
		close(fd);
	return in_use;
}

int
listen_unix(const char *path, unsigned mode, struct hsw_error *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct stat st;

	if (strlen(path) >= sizeof(a.sun_path)) {
		err_set(err, HSW_EINVAL, "%s: longer than a socket's path may be (%zu bytes)", path,
			sizeof(a.sun_path) - 1);
		return -1;
	}
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	int handed_over = notify_socket((const struct sockaddr *)&a);
	if (handed_over >= 0)
		return handed_over;
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
		if (is_in_use(&a)) {
			err_set(err, HSW_EIO, "%s: another process listens there", path);
			return -1;
		}
		unlink(path);
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	mode_t before = umask(0777 & ~mode);
	bool is_good = fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof(a)) == 0 &&
		listen(fd, BACKLOG) == 0;
	umask(before);
	if (is_good)
		return fd;
	err_set(err, HSW_EIO, "%s: cannot listen: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static int
bind_to(const struct addrinfo *ai, bool shared)
{
	const int on = 1;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (shared)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0)
		return fd;
	int why = errno;
	close(fd);
	errno = why;
	return -1;
}

static int
listen_on(const struct addrinfo *ai, bool shared)
{
	int fd = notify_socket(ai->ai_addr);

	if (fd >= 0)
		return fd;
	fd = bind_to(ai, shared);
	if (fd < 0 || listen(fd, BACKLOG) == 0)
		return fd;
	int why = errno;
	close(fd);
	errno = why;
	return -1;
}

void
listen_unlink(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	int handed_over = notify_socket((const struct sockaddr *)&a);
	if (handed_over >= 0)
		close(handed_over);
	else
		unlink(path);
}

/* NULL: err says why; else freeaddrinfo. */
static struct addrinfo *
resolve(const char *address, struct hsw_error *err)
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char host[CONFIG_HOST_SIZE];
	const char *port;

	if (!config_listen_split(address, host, sizeof(host), &port)) {
		err_set(err, HSW_EINVAL,
			"listen = %s: expected ADDRESS:PORT, [IPV6]:PORT or unix:/path", address);
		return NULL;
	}
	int rc = getaddrinfo(strcmp(host, "*") == 0 ? NULL : host, port, &hints, &found);
	if (rc == 0)
		return found;
	err_set(err, HSW_EINVAL, "listen = %s: %s", address, gai_strerror(rc));
	return NULL;
}

static int
fail(const char *address, struct hsw_error *err)
{
	return err_set(err, HSW_EIO, "listen = %s: %s", address,
		errno == EADDRINUSE ? "another process listens there" : strerror(errno));
}

int
listen_open(const char *address, bool shared, unsigned unix_mode, struct hsw_error *err)
{
	if (config_listen_is_unix(address))
		return listen_unix(address + strlen(CONFIG_LISTEN_UNIX), unix_mode, err);
	struct addrinfo *found = resolve(address, err);
	if (found == NULL)
		return -1;
	int fd = listen_on(found, shared);
	if (fd < 0)
		fail(address, err);
	freeaddrinfo(found);
	return fd;
}

/* Bound alone, not listening: no client is taken that would be reset when it is closed. */
int
listen_probe(const char *address, struct hsw_error *err)
{
	int rc = HSW_OK;

	if (config_listen_is_unix(address))
		return HSW_OK;
	struct addrinfo *found = resolve(address, err);
	if (found == NULL)
		return HSW_EINVAL;
	int fd = notify_socket(found->ai_addr);
	if (fd < 0)
		fd = bind_to(found, false);
	if (fd < 0)
		rc = fail(address, err);
	else
		close(fd);
	freeaddrinfo(found);
	return rc;
}
