/* SPDX-License-Identifier: Apache-2.0 */
/* notify.c - see notify.h. */
#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define MESSAGE_MAX 1024
#define FIRST_SOCKET 3 /* sd_listen_fds(3): they come in a row after the standard ones */
#define SOCKETS_MAX 256

/* A positive number of the environment; 0: there is none. */
static int64_t
env_number(const char *name)
{
	const char *text = getenv(name);
	char *end = NULL;

	if (text == NULL || *text < '0' || *text > '9')
		return 0;
	errno = 0;
	long long n = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0' ? n : 0;
}

/* The variables of a parent's service reach its children, too. */
static bool
is_for_us(const char *pid_name, bool must_be_set)
{
	if (getenv(pid_name) == NULL)
		return !must_be_set;
	return env_number(pid_name) == getpid();
}

/* ---- messages ---- */

/* A path, or with @ a name in the abstract namespace. 0: no manager, or none that we understand. */
static socklen_t
manager_address(struct sockaddr_un *a)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path != NULL ? strlen(path) : 0;

	if (len < 2 || len >= sizeof(a->sun_path) || (path[0] != '/' && path[0] != '@'))
		return 0;
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(a->sun_path, path, len);
	if (path[0] == '@')
		a->sun_path[0] = '\0';
	else
		len++;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

void
notify_send(const char *fmt, ...)
{
	struct sockaddr_un manager;
	char text[MESSAGE_MAX];
	va_list ap;
	socklen_t size = manager_address(&manager);

	if (size == 0)
		return;
	va_start(ap, fmt);
	int len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (len > 0 && (size_t)len < sizeof(text))
		sendto(fd, text, (size_t)len, MSG_NOSIGNAL, (const struct sockaddr *)&manager,
			size);
	close(fd);
}

int64_t
notify_watchdog_ms(void)
{
	return is_for_us("WATCHDOG_PID", false) ? env_number("WATCHDOG_USEC") / 1000 : 0;
}

/* ---- sockets ---- */

unsigned
notify_sockets(void)
{
	int64_t n = is_for_us("LISTEN_PID", true) ? env_number("LISTEN_FDS") : 0;

	return n > SOCKETS_MAX ? SOCKETS_MAX : (unsigned)n;
}

/* A TCP address, comparable: IPv4 mapped into IPv6, any-addresses as one. */
struct endpoint {
	struct in6_addr address;
	in_port_t port;
};

static bool
endpoint_of(struct endpoint *e, const struct sockaddr *a)
{
	const struct in6_addr mapped = { { { [10] = 0xff, [11] = 0xff } } };

	memset(e, 0, sizeof(*e));
	if (a->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)a;
		e->address = in6->sin6_addr;
		e->port = in6->sin6_port;
		return true;
	}
	if (a->sa_family != AF_INET)
		return false;
	const struct sockaddr_in *in = (const struct sockaddr_in *)a;
	e->port = in->sin_port;
	if (in->sin_addr.s_addr == htonl(INADDR_ANY))
		return true; /* as :: */
	e->address = mapped;
	memcpy(e->address.s6_addr + 12, &in->sin_addr, 4);
	return true;
}

static bool
is_same_address(const struct sockaddr *a, const struct sockaddr *b)
{
	struct endpoint left, right;

	if (a->sa_family == AF_UNIX && b->sa_family == AF_UNIX)
		return strcmp(((const struct sockaddr_un *)a)->sun_path,
			       ((const struct sockaddr_un *)b)->sun_path) == 0;
	return endpoint_of(&left, a) && endpoint_of(&right, b) && left.port == right.port &&
		IN6_ARE_ADDR_EQUAL(&left.address, &right.address);
}

static bool
is_listening(int fd)
{
	int on = 0, type = 0;
	socklen_t size = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &size) == 0 && on != 0 &&
		getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

/* One byte more than a path may fill, so that it ends. */
union bound {
	struct sockaddr any;
	struct sockaddr_storage storage;
};

static bool
get_bound(int fd, union bound *bound)
{
	socklen_t size = sizeof(bound->storage) - 1;

	*bound = (union bound){ .storage = { 0 } };
	return is_listening(fd) && getsockname(fd, &bound->any, &size) == 0;
}

int
notify_socket(const struct sockaddr *address)
{
	unsigned n = notify_sockets();
	union bound bound;

	for (int fd = FIRST_SOCKET; fd < FIRST_SOCKET + (int)n; fd++) {
		if (!get_bound(fd, &bound) || !is_same_address(&bound.any, address))
			continue;
		int own = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_SOCKET + (int)n);
		if (own >= 0)
			fcntl(own, F_SETFL, fcntl(own, F_GETFL) | O_NONBLOCK);
		return own;
	}
	return -1;
}

bool
notify_is_socket(unsigned i, int fd)
{
	union bound given, other;

	return get_bound(FIRST_SOCKET + (int)i, &given) && get_bound(fd, &other) &&
		is_same_address(&given.any, &other.any);
}

void
notify_print_socket(unsigned i, char *text, size_t size)
{
	char host[INET6_ADDRSTRLEN];
	char port[sizeof("65535")];
	union bound bound;

	if (!get_bound(FIRST_SOCKET + (int)i, &bound))
		snprintf(text, size, "descriptor %u, which is no listening stream socket",
			FIRST_SOCKET + i);
	else if (bound.any.sa_family == AF_UNIX)
		snprintf(text, size, "unix:%s", ((const struct sockaddr_un *)&bound.any)->sun_path);
	else if (getnameinfo(&bound.any, sizeof(bound.storage), host, sizeof(host), port,
			 sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		snprintf(text, size, "descriptor %u, which has no address", FIRST_SOCKET + i);
	else
		snprintf(text, size, bound.any.sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
			port);
}
