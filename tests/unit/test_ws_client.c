/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the live stream's client: its URLs, the upgrade, frames as a server may send them. */
#include "unit.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "ws_client.h"

static struct hsw_error err;
static const volatile sig_atomic_t no_stop = 0, stop = 1;

/* ---- URLs ---- */

START_TEST(urls_are_taken_apart)
{
	static const struct {
		const char *text, *host, *port, *path;
		bool is_tls, is_unix;
	} rows[] = {
		{ "ws://h", "h", "80", "", false, false },
		{ "http://h/", "h", "80", "/", false, false },
		{ "wss://h", "h", "443", "", true, false },
		{ "https://h:8443/a/b?c", "h", "8443", "/a/b?c", true, false },
		{ "ws://192.0.2.1:8080/ws", "192.0.2.1", "8080", "/ws", false, false },
		{ "ws://[2001:db8::1]", "2001:db8::1", "80", "", false, false },
		{ "ws://[2001:db8::1]:8080/", "2001:db8::1", "8080", "/", false, false },
		{ "unix:/run/hs.sock", "", "", "/run/hs.sock", false, true },
	};
	struct ws_url u;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_msg(ws_url_parse(rows[i].text, &u, &err) == HSW_OK, "%s", rows[i].text);
		ck_assert_str_eq(u.host, rows[i].host);
		ck_assert_str_eq(u.port, rows[i].port);
		ck_assert_str_eq(u.path, rows[i].path);
		ck_assert_int_eq(u.is_tls, rows[i].is_tls);
		ck_assert_int_eq(u.is_unix, rows[i].is_unix);
	}
}
END_TEST

START_TEST(what_is_no_url_of_a_server_is_refused)
{
	static const char *const rows[] = { "", "h:80", "ftp://h", "ws:/h", "ws://", "ws:///p",
		"ws://:80", "ws://h:", "ws://[]", "ws://[]:80", "WS://h" };
	struct ws_url u;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_msg(ws_url_parse(rows[i], &u, &err) == HSW_EINVAL, "%s", rows[i]);
		ck_assert_ptr_nonnull(strstr(err.text, "expected"));
	}
}
END_TEST

/* What is cut off would be another server, or another path of it. */
START_TEST(parts_that_are_too_long_are_refused_and_not_cut)
{
	char text[1024], part[600];
	struct ws_url u;

	memset(part, 'a', sizeof(part));
	ck_assert_int_eq(ws_url_parse("ws://h:00000801", &u, &err), HSW_EINVAL);
	snprintf(text, sizeof(text), "ws://%.*s/", (int)sizeof(u.host), part);
	ck_assert_int_eq(ws_url_parse(text, &u, &err), HSW_EINVAL);
	snprintf(text, sizeof(text), "ws://%.*s/", (int)sizeof(u.host) - 1, part);
	ck_assert_int_eq(ws_url_parse(text, &u, &err), HSW_OK);
	snprintf(text, sizeof(text), "ws://h/%.*s", (int)sizeof(u.path) - 1, part);
	ck_assert_int_eq(ws_url_parse(text, &u, &err), HSW_EINVAL);
	snprintf(text, sizeof(text), "ws://h/%.*s", (int)sizeof(u.path) - 2, part);
	ck_assert_int_eq(ws_url_parse(text, &u, &err), HSW_OK);
	snprintf(text, sizeof(text), "unix:%.*s", (int)sizeof(u.path), part);
	ck_assert_int_eq(ws_url_parse(text, &u, &err), HSW_EINVAL);
}
END_TEST

/* ---- frames ---- */

static struct ws_client client;
static int server = -1; /* the other end */

static void
connect_pair(void)
{
	int pair[2];

	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	server = pair[1];
	client = (struct ws_client){ .stream = { .fd = pair[0], .must_stop = &no_stop },
		.status = 101 };
}

static void
disconnect(void)
{
	ws_client_close(&client);
	close(server);
}

static void
say(const char *bytes, size_t n)
{
	ck_assert_int_eq(send(server, bytes, n, MSG_NOSIGNAL), (ssize_t)n);
}

#define SAY(text) say(text, sizeof(text) - 1)

static int
next(void)
{
	err.text[0] = '\0';
	return ws_client_read(&client, &err);
}

static void
expect_message(const char *text)
{
	ck_assert_int_eq(next(), HSW_OK);
	ck_assert(str_is((struct hsw_str){ client.message.data, client.message.len }, text));
}

/* What the client has sent: one frame, unmasked, its opcode in front. */
static size_t
heard(unsigned char out[128])
{
	unsigned char frame[256];
	ssize_t n = recv(server, frame, sizeof(frame), 0);

	ck_assert_int_ge(n, 6);
	ck_assert_int_ne(frame[1] & 0x80, 0);
	size_t len = frame[1] & 0x7f;
	ck_assert_uint_eq((size_t)n, 6 + len);
	out[0] = frame[0];
	for (size_t i = 0; i < len; i++)
		out[1 + i] = frame[6 + i] ^ frame[2 + i % 4];
	return len;
}

START_TEST(messages_come_whole_and_in_order)
{
	char large[4 + 300] = "\x81\x7e\x01\x2c", expected[301] = "";

	connect_pair();
	SAY("\x81\x02hi\x82\x00\x81\x01");
	expect_message("hi");
	expect_message("");
	SAY("x");
	expect_message("x");
	memset(large + 4, 'y', 300);
	memset(expected, 'y', 300);
	say(large, sizeof(large));
	expect_message(expected);
	SAY("\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x03"
	    "abc");
	expect_message("abc");
	disconnect();
}
END_TEST

START_TEST(fragments_are_one_message_also_around_control_frames)
{
	connect_pair();
	SAY("\x01\x02"
	    "ab\x8a\x00\x00\x01"
	    "c\x80\x01"
	    "d\x81\x01"
	    "e");
	expect_message("abcd");
	expect_message("e");
	disconnect();
}
END_TEST

START_TEST(pings_are_answered_with_what_they_bring)
{
	unsigned char got[128];

	connect_pair();
	SAY("\x89\x02hi\x81\x00");
	expect_message("");
	ck_assert_uint_eq(heard(got), 2);
	ck_assert_int_eq(memcmp(got, "\x8ahi", 3), 0);
	disconnect();
}
END_TEST

START_TEST(a_close_is_answered_and_its_reason_told)
{
	static const struct {
		const char *frame;
		size_t len;
		unsigned code;
		const char *text;
	} rows[] = {
		{ "\x88\x05\x03\xe8xyz", 7, 1000, "xyz (1000)" },
		{ "\x88\x09\x03\xe8\x1b[31m\xc2\x9b", 11, 1000, "\\x1b[31m\\xc2\\x9b (1000)" },
		{ "\x88\x02\x03\xe9", 4, 1001, "(1001)" },
		{ "\x88\x00", 2, 1005, "(1005)" },
		{ "\x88\x01x", 3, 1005, "(1005)" },
	};
	unsigned char got[128];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		connect_pair();
		say(rows[i].frame, rows[i].len);
		ck_assert_int_eq(next(), HSW_EIO);
		ck_assert_uint_eq(client.close_code, rows[i].code);
		ck_assert_ptr_nonnull(strstr(err.text, rows[i].text));
		size_t len = heard(got);
		ck_assert_uint_eq(got[0], 0x88);
		ck_assert_uint_eq(len, rows[i].code == 1005 ? 0 : 2);
		disconnect();
	}
}
END_TEST

START_TEST(what_is_no_frame_of_a_server_ends_the_connection)
{
	static const struct hsw_str rows[] = {
		{ "\xc1\x00", 2 },                 /* RSV1 without an extension */
		{ "\x81\x80\x01\x02\x03\x04", 6 }, /* masked */
		{ "\x83\x00", 2 },                 /* an opcode that is none */
		{ "\x8b\x00", 2 },                 /* a control one that is none */
		{ "\x89\x7e\x00\x7e", 4 },         /* a long control frame */
		{ "\x09\x01x", 3 },                /* a control frame in parts */
		{ "\x08\x00", 2 },
		{ "\x80\x01x", 3 }, /* goes on with nothing */
		{ "\x00\x01x", 3 },
		{ "\x01\x01x\x81\x01y", 6 },                        /* a message within another */
		{ "\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00", 10 }, /* longer than may be */
		{ "\x82\x7f\x00\x00\x00\x01\x00\x00\x00\x00", 10 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		connect_pair();
		say(rows[i].s, rows[i].len);
		ck_assert_msg(next() == HSW_EIO, "row %zu", i);
		ck_assert_msg(
			strstr(err.text, "no WebSocket frame") != NULL, "row %zu: %s", i, err.text);
		disconnect();
	}
}
END_TEST

START_TEST(a_message_is_not_followed_by_more_of_it)
{
	connect_pair();
	SAY("\x81\x01"
	    "a\x80\x01"
	    "b");
	expect_message("a");
	ck_assert_int_eq(next(), HSW_EIO);
	disconnect();
}
END_TEST

START_TEST(the_end_of_the_stream_and_a_stop_are_told_apart)
{
	connect_pair();
	SAY("\x81\x05hal");
	shutdown(server, SHUT_WR);
	ck_assert_int_eq(next(), HSW_EIO);
	ck_assert_str_eq(err.text, "the connection ended");
	disconnect();
	connect_pair();
	client.stream.must_stop = &stop;
	ck_assert_int_eq(next(), HSW_ECLOSED);
	disconnect();
}
END_TEST

START_TEST(closing_says_goodbye_once)
{
	unsigned char got[128];
	char byte;

	connect_pair();
	ws_client_close(&client);
	ck_assert_uint_eq(heard(got), 2);
	ck_assert_int_eq(memcmp(got, "\x88\x03\xe9", 3), 0);
	ck_assert_int_eq(recv(server, &byte, 1, 0), 0);
	close(server);
}
END_TEST

/* ---- the upgrade ---- */

static struct sockaddr_un address;
static char request[2048];
static const char *answer; /* %s in it is the key's digest */

static void
digest_of(const char *key, char *out)
{
	unsigned char sha1[EVP_MAX_MD_SIZE];
	char text[128];
	unsigned n;

	snprintf(text, sizeof(text), "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
	ck_assert_int_eq(EVP_Digest(text, strlen(text), sha1, &n, EVP_sha1(), NULL), 1);
	EVP_EncodeBlock((unsigned char *)out, sha1, (int)n);
}

static void *
serve(void *arg)
{
	static const char name[] = "Sec-WebSocket-Key: ";
	int listening = *(int *)arg, fd = accept(listening, NULL, NULL);
	char text[2048], digest[64];
	size_t n = 0;

	while (n < sizeof(request) - 1 && (n < 4 || memcmp(request + n - 4, "\r\n\r\n", 4) != 0)) {
		ssize_t got = recv(fd, request + n, sizeof(request) - 1 - n, 0);
		if (got <= 0)
			break;
		n += (size_t)got;
		request[n] = '\0';
	}
	const char *key = strstr(request, name);
	digest_of(key != NULL ? key + sizeof(name) - 1 : "", digest);
	int len = snprintf(text, sizeof(text), answer, digest);
	send(fd, text, (size_t)len, MSG_NOSIGNAL);
	close(fd);
	return NULL;
}

/* Opens a connection to a server that gives this answer. */
static int
open_to(const char *path, const char *gives)
{
	int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct ws_url u = { .is_unix = true };
	pthread_t thread;

	answer = gives;
	address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/test_ws_client.%d", getpid());
	unlink(address.sun_path);
	ck_assert_int_eq(bind(listening, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listening, 1), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, serve, &listening), 0);
	snprintf(u.path, sizeof(u.path), "%s", address.sun_path);
	client = (struct ws_client){ .stream = { .must_stop = &no_stop } };
	err.text[0] = '\0';
	int rc = ws_client_open(&client, &u, path, "T", NULL, &err);
	pthread_join(thread, NULL);
	close(listening);
	unlink(address.sun_path);
	return rc;
}

START_TEST(an_upgrade_that_is_accepted_is_read_on_from)
{
	ck_assert_int_eq(open_to("/ws/sales",
				 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
				 "Sec-WebSocket-Accept: %s\r\n\r\n\x81\x02hi"),
		HSW_OK);
	ck_assert_ptr_nonnull(strstr(request, "GET /ws/sales HTTP/1.1\r\n"));
	ck_assert_ptr_nonnull(strstr(request, "\r\ntoken: T\r\n"));
	expect_message("hi");
	ws_client_close(&client);
}
END_TEST

START_TEST(a_refusal_is_told_with_its_reason)
{
	static const struct {
		const char *answer;
		int rc, status;
		const char *text;
	} rows[] = {
		{ "HTTP/1.1 401 Unauthorized\r\n\r\n{\"error\":{\"message\":\"Invalid token\"}}",
			HSW_EAUTH, 401, "Invalid token" },
		{ "HTTP/1.1 401 X\r\n\r\n{\"error\":{\"message\":\"\\u001b]0;x\\u0007\"}}",
			HSW_EAUTH, 401, "\\x1b]0;x\\x07" },
		{ "HTTP/1.1 401 X\r\n\r\n{\"error\":{\"message\":null}}", HSW_EAUTH, 401,
			"no reason is given" },
		{ "HTTP/1.1 503 Busy\r\n\r\n", HSW_EAUTH, 503, "no reason is given" },
		{ "HTTP/1.1 404 Not Found\r\n\r\n{\"error\":7}", HSW_EAUTH, 404,
			"no reason is given" },
		{ "HTTP/1.1 101 OK\r\nSec-WebSocket-Accept: x\r\n\r\n", HSW_EIO, 101,
			"did not understand" },
		{ "SSH-2.0-x\r\n\r\n", HSW_EIO, 0, "not HTTP" },
		{ "HTTP/1.1 101 OK\r\n", HSW_EIO, 0, "not HTTP" },
		{ "", HSW_EIO, 0, "not HTTP" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_msg(open_to("/ws", rows[i].answer) == rows[i].rc, "row %zu", i);
		ck_assert_int_eq(client.status, rows[i].status);
		ck_assert_msg(strstr(err.text, rows[i].text) != NULL, "row %zu: %s", i, err.text);
		ws_client_close(&client);
	}
}
END_TEST

UNIT_MAIN("ws_client", urls_are_taken_apart, what_is_no_url_of_a_server_is_refused,
	parts_that_are_too_long_are_refused_and_not_cut, messages_come_whole_and_in_order,
	fragments_are_one_message_also_around_control_frames,
	pings_are_answered_with_what_they_bring, a_close_is_answered_and_its_reason_told,
	what_is_no_frame_of_a_server_ends_the_connection, a_message_is_not_followed_by_more_of_it,
	the_end_of_the_stream_and_a_stop_are_told_apart, closing_says_goodbye_once,
	an_upgrade_that_is_accepted_is_read_on_from, a_refusal_is_told_with_its_reason)
