/* SPDX-License-Identifier: Apache-2.0 */
/* websocket_rig.c - see websocket_rig.h. */
#include "websocket_rig.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "unit.h"

#define WAIT_MS 5000
#define SETTLE_MS 30

struct send_rule send_rule;
unsigned fail_alloc;

static struct peer *peers;

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(HAS_SANITIZER)
const bool can_fail_alloc = false;
#else
const bool can_fail_alloc = true;

#define EXPORTED __attribute__((visibility("default")))

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

/* Only what the plugin asks for may fail: the fake host does without. */
static bool
must_fail(const void *caller)
{
	Dl_info info;

	if (fail_alloc == 0 || dladdr(caller, &info) == 0 || info.dli_fname == NULL)
		return false;
	if (strstr(info.dli_fname, "sink-websocket.so") == NULL &&
		strstr(info.dli_fname, "libwslay") == NULL)
		return false;
	return --fail_alloc == 0;
}

EXPORTED void *
malloc(size_t n)
{
	return must_fail(__builtin_return_address(0)) ? NULL : __libc_malloc(n);
}

EXPORTED void *
calloc(size_t n, size_t size)
{
	return must_fail(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

EXPORTED void *
realloc(void *p, size_t n)
{
	return must_fail(__builtin_return_address(0)) ? NULL : __libc_realloc(p, n);
}
#endif

static ssize_t
send_some(int fd, const struct msghdr *m, size_t n)
{
	char bytes[4096];
	size_t len = 0;

	if (n > sizeof(bytes))
		n = sizeof(bytes);
	for (size_t i = 0; i < m->msg_iovlen && len < n; i++) {
		size_t take = m->msg_iov[i].iov_len < n - len ? m->msg_iov[i].iov_len : n - len;
		memcpy(bytes + len, m->msg_iov[i].iov_base, take);
		len += take;
	}
	return send(fd, bytes, len, MSG_NOSIGNAL);
}

__attribute__((visibility("default"))) ssize_t
sendmsg(int fd, const struct msghdr *m, int flags)
{
	static ssize_t (*next)(int, const struct msghdr *, int);

	if (next == NULL)
		*(void **)&next = dlsym(RTLD_NEXT, "sendmsg");
	send_rule.calls++;
	if (fd == send_rule.broken_fd) {
		errno = EPIPE;
		return -1;
	}
	if (fd == send_rule.stuck_fd) {
		ssize_t n = send_rule.stuck_at > 0 ? send_some(fd, m, send_rule.stuck_at) : -1;
		send_rule.stuck_at -= n > 0 ? (size_t)n : 0;
		errno = EAGAIN;
		return n;
	}
	if (send_rule.at_most > 0 && send_rule.calls % 2 == 0) {
		errno = EAGAIN;
		return -1;
	}
	if (send_rule.at_most > 0)
		return send_some(fd, m, send_rule.at_most);
	return next(fd, m, flags);
}

struct hsw_handle *
websocket_open(const char *const *options)
{
	struct hsw_error err = { "" };
	struct hsw_handle *h = fake_open("sink-websocket", options, &err);

	send_rule = (struct send_rule){ 0 };
	ck_assert_msg(h != NULL, "%s", err.text);
	return h;
}

static void
on_released(void *token)
{
	struct peer *p = token;

	p->released++;
	ck_assert_int_eq(fcntl(p->sink_fd, F_GETFD), -1);
}

static struct peer *
try_with(struct hsw_handle *h, const char *instance, const char *early, size_t n, uint32_t flags)
{
	struct peer *p = calloc(1, sizeof(*p));
	int fds[2];

	p->next = peers;
	peers = p;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	p->fd = fds[0];
	p->sink_fd = fds[1];
	const struct hsw_conn conn = { .size = sizeof(conn),
		.fd = fds[1],
		.instance = { instance, strlen(instance) },
		.early = { early, n },
		.released = on_released,
		.token = p,
		.flags = flags };
	int rc = fake_adopt(h, &conn);
	if (rc == HSW_OK)
		return p;
	ck_assert_int_eq(rc, HSW_ENOMEM);
	ck_assert_uint_eq(p->released, 0);
	close(fds[1]);
	return NULL;
}

struct peer *
peer_try(struct hsw_handle *h, const char *instance, const char *early, size_t n)
{
	return try_with(h, instance, early, n, 0);
}

struct peer *
peer_of_account(struct hsw_handle *h, const char *instance)
{
	struct peer *p = try_with(h, instance, NULL, 0, HSW_CONN_ACCOUNT);
	ck_assert_ptr_nonnull(p);
	return p;
}

struct peer *
peer_new(struct hsw_handle *h, const char *instance, const char *early, size_t n)
{
	struct peer *p = peer_try(h, instance, early, n);
	ck_assert_ptr_nonnull(p);
	return p;
}

void
peer_hang_up(struct peer *p)
{
	close(p->fd);
	p->fd = -1;
}

void
peers_free(void)
{
	while (peers != NULL) {
		struct peer *p = peers;
		peers = p->next;
		if (p->fd >= 0)
			close(p->fd);
		free(p);
	}
}

void
peer_send(const struct peer *p, const void *bytes, size_t n)
{
	ck_assert_int_eq(send(p->fd, bytes, n, MSG_NOSIGNAL), (ssize_t)n);
}

void
peer_send_frame(const struct peer *p, unsigned opcode, const char *text)
{
	size_t n = strlen(text);
	char frame[6 + 125] = { (char)(0x80 | opcode), (char)(0x80 | n) };

	ck_assert_uint_le(n, 125);
	memcpy(frame + 6, text, n); /* masked with zeros */
	peer_send(p, frame, 6 + n);
}

static bool
take(const struct peer *p, void *to, size_t n)
{
	size_t at = 0;

	while (at < n) {
		ssize_t got = recv(p->fd, (char *)to + at, n - at, 0);
		if (got <= 0 && at == 0)
			return false;
		ck_assert_msg(got > 0, "a frame is cut");
		at += (size_t)got;
	}
	return true;
}

bool
peer_has_frame(const struct peer *p)
{
	unsigned char bytes[2 + 125];
	ssize_t n = recv(p->fd, bytes, sizeof(bytes), MSG_PEEK);

	return n >= 2 && n >= 2 + bytes[1];
}

bool
peer_frame_next(const struct peer *p, struct peer_frame *f)
{
	static char *text;
	unsigned char head[10];

	free(text);
	text = NULL;
	if (!take(p, head, 2))
		return false;
	ck_assert_uint_eq(head[0] & 0x70, 0);
	ck_assert_uint_eq(head[0] & 0x80, 0x80);
	size_t more = head[1] == 127 ? 8 : head[1] == 126 ? 2 : 0;
	ck_assert_uint_lt(head[1], 128);
	ck_assert(more == 0 || take(p, head + 2, more));
	uint64_t n = more > 0 ? 0 : head[1];
	for (size_t i = 0; i < more; i++)
		n = n << 8 | head[2 + i];
	ck_assert_msg(more != 2 || n > 125, "a length of two bytes that needs none");
	ck_assert_msg(more != 8 || n > 65535, "a length of eight bytes that needs two");
	text = calloc(1, n + 1);
	ck_assert(n == 0 || take(p, text, n));
	*f = (struct peer_frame){ head[0] & 0xfu, n, text };
	return true;
}

struct peer_frame
peer_wait(struct hsw_handle *h, const struct peer *p)
{
	struct peer_frame f;
	char byte;

	for (int ms = 0; recv(p->fd, &byte, 1, MSG_PEEK) <= 0; ms++) {
		ck_assert_msg(ms < WAIT_MS, "no frame comes");
		fake_run(h, 1);
	}
	ck_assert(peer_frame_next(p, &f));
	return f;
}

bool
peer_is_ended(const struct peer *p)
{
	char byte;
	return recv(p->fd, &byte, 1, MSG_PEEK) == 0;
}

void
say(struct hsw_handle *h, const char *instance, const char *text)
{
	const struct fake_piece piece = { text, strlen(text), 0 };
	const struct hsw_envelope *e = fake_envelope_new(
		&(struct fake_event){ .instance = instance, .pieces = &piece, .count = 1 });

	fake_broadcast(h, e, 0);
	fake_unref(e);
}

void
say_numbers(struct hsw_handle *h, const char *instance, int from, int to)
{
	char text[16];

	for (int i = from; i <= to; i++) {
		snprintf(text, sizeof(text), "%d", i);
		say(h, instance, text);
	}
}

void
settle(struct hsw_handle *h)
{
	fake_run(h, SETTLE_MS);
}
