/* SPDX-License-Identifier: Apache-2.0 */
/* webhook_rig.c - see webhook_rig.h. */
#include "webhook_rig.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BODY_OF_500 \
	"HTTP/1.1 500 Oops\r\nContent-Length: 27\r\n\r\n  no\r\n\t<b>disk</b>\x01\xff here  "

#define ANSWER_WITH(length, body) "HTTP/1.1 500 Oops\r\nContent-Length: " length "\r\n\r\n" body

const struct http_rule rules[] = {
	{ .path = "/close-told",
		.answer = ANSWER("200 OK", "Connection: close\r\n"),
		.then = HTTP_CLOSE },
	{ .path = "/close-quietly", .answer = HTTP_OK, .then = HTTP_CLOSE },
	{ .path = "/201", .answer = ANSWER("201 Created", "") },
	{ .path = "/204", .answer = "HTTP/1.1 204 No Content\r\n\r\n" },
	{ .path = "/chunked",
		.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
			  "3\r\nabc\r\n0\r\n\r\n" },
	{ .path = "/until-close", .answer = "HTTP/1.1 200 OK\r\n\r\nabc", .then = HTTP_CLOSE },
	{ .path = "/continue",
		.answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" HTTP_OK },
	{ .path = "/302", .answer = ANSWER("302 Found", "Location: /201\r\n") },
	{ .path = "/307", .answer = ANSWER("307 Temporary Redirect", "Location: /201\r\n") },
	{ .path = "/400", .answer = ANSWER("400 Bad Request", "") },
	{ .path = "/401", .answer = ANSWER("401 Unauthorized", "WWW-Authenticate: Basic\r\n") },
	{ .path = "/410", .answer = ANSWER("410 Gone", "") },
	{ .path = "/429", .answer = ANSWER("429 Too Many Requests", "Retry-After: 7\r\n") },
	{ .path = "/503-odd", .answer = ANSWER("503 Unavailable", "Retry-After: soon\r\n") },
	{ .path = "/503-huge",
		.answer = ANSWER("503 Unavailable", "Retry-After: 99999999999999999999\r\n") },
	{ .path = "/503-past",
		.answer = ANSWER(
			"503 Unavailable", "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n") },
	{ .path = "/503-fraction", .answer = ANSWER("503 Unavailable", "Retry-After: 1.5\r\n") },
	{ .path = "/500", .answer = BODY_OF_500 },
	{ .path = "/500-utf8",
		.answer = ANSWER_WITH("27",
			"N\xc3\xa3o \xe6\x97\xa5 \033[2J\xe2\x80\xae\xc2\x85\xc3 "
			"\xf0\x9f\x99\x82\n\tx") },
	{ .path = "/endless-500-utf8",
		.answer = "HTTP/1.1 500 Oops\r\n\r\nx",
		.repeat = "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9" },
	{ .path = "/garbage", .answer = "SSH-2.0-OpenSSH_9.2\r\n", .then = HTTP_CLOSE },
	{ .path = "/close", .answer = "", .then = HTTP_CLOSE },
	{ .path = "/half",
		.answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
		.then = HTTP_CLOSE },
	{ .path = "/half-chunk",
		.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc",
		.then = HTTP_CLOSE },
	{ .path = "/bad-chunk",
		.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n" },
	{ .path = "/half-head", .answer = "HTTP/1.1 200 OK\r\nX-A: b\r\n", .then = HTTP_CLOSE },
	{ .path = "/half-100", .answer = "HTTP/1.1 100 Continue\r\n\r\n", .then = HTTP_CLOSE },
	{ .path = "/half-400-head", .answer = "HTTP/1.1 400 Bad\r\nX-A", .then = HTTP_CLOSE },
	{ .path = "/half-410",
		.answer = "HTTP/1.1 410 Gone\r\nContent-Length: 10\r\n\r\nabc",
		.then = HTTP_CLOSE },
	{ .path = "/half-500",
		.answer = "HTTP/1.1 500 Oops\r\nContent-Length: 10\r\n\r\nabc",
		.then = HTTP_CLOSE },
	{ .path = "/half-head-hang",
		.answer = "HTTP/1.1 500 Oops\r\nContent-Le",
		.then = HTTP_HANG },
	{ .path = "/half-410-hang",
		.answer = "HTTP/1.1 410 Gone\r\nContent-Length: 10\r\n\r\nabc",
		.then = HTTP_HANG },
	{ .path = "/half-500-hang",
		.answer = "HTTP/1.1 500 Oops\r\nContent-Length: 10\r\n\r\nabc",
		.then = HTTP_HANG },
	{ .path = "/odd-header", .answer = ANSWER("200 OK", "X-Odd: a\001b\r\n") },
	{ .path = "/line-feeds", .answer = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok" },
	{ .path = "/endless", .answer = "HTTP/1.1 200 OK\r\n\r\n", .repeat = "and so on, " },
	{ .path = "/endless-500", .answer = "HTTP/1.1 500 Oops\r\n\r\n", .repeat = "and so on, " },
	{ .path = "/endless-head",
		.answer = "HTTP/1.1 200 OK\r\n",
		.repeat = "X-Y: and so on\r\n" },
	{ .path = "/endless-continue", .answer = "", .repeat = "HTTP/1.1 100 Continue\r\n\r\n" },
	{ .path = "/hang", .answer = "", .then = HTTP_HANG },
	{ .path = "/half-hang",
		.answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
		.then = HTTP_HANG },
	{ .path = "/echo" },
	{ .path = "/echo?key=queryword" },
	{ .answer = HTTP_OK },
};

struct http_server *server;
static char folder[] = "/tmp/hookswitch-test-webhook-XXXXXX";

void
webhook_rig_setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	signal(SIGPIPE, SIG_IGN);
	server = http_server_start(rules, NULL);
}

void
webhook_rig_teardown(void)
{
	static const char *const files[] = { "ca.pem", "cert.pem", "key.pem", "other.pem" };
	char path[128];

	http_server_stop(server);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		unlink(path);
	}
	ck_assert_int_eq(rmdir(folder), 0);
}

/* ---- helpers -------------------------------------------------------------------------------- */

/* Good for four uses. */
static char *
text_buffer(void)
{
	static _Thread_local char text[4][256];
	static _Thread_local unsigned n;

	return text[n++ % 4];
}

const char *
url_of(const struct http_server *s, const char *scheme, const char *path)
{
	char *url = text_buffer();

	snprintf(url, 256, "%s://127.0.0.1:%u%s", scheme, http_server_port(s), path);
	return url;
}

const char *
in_folder(const char *name)
{
	char *path = text_buffer();

	snprintf(path, 256, "%s/%s", folder, name);
	return path;
}

struct hsw_handle *
open_sink(const char *const *options)
{
	struct hsw_error err = { "" };
	struct hsw_handle *h = fake_open("sink-webhook", options, &err);

	ck_assert_msg(h != NULL, "%s", err.text);
	return h;
}

struct hsw_delivery *
put(struct hsw_handle *h)
{
	const struct hsw_envelope *env = fake_envelope_text("{\"a\":1}");
	struct hsw_delivery *d = fake_deliver(h, env, 1);

	fake_unref(env);
	return d;
}

struct fake_result
result_at(const char *url, const char *key, const char *value)
{
	struct hsw_handle *h = OPEN_URL(url, key, value, NULL);
	struct fake_result r = *fake_wait(put(h));

	fake_close(h);
	return r;
}

void
wait_open(struct hsw_handle *h, unsigned n)
{
	for (int i = 0; i < 1000 && http_server_open(server) != n; i++)
		fake_run(h, 5);
	ck_assert_uint_eq(http_server_open(server), n);
}

void
wait_requests(struct hsw_handle *h, unsigned n)
{
	for (int i = 0; i < 1000 && http_server_requests(server) < n; i++)
		fake_run(h, 5);
	ck_assert_uint_eq(http_server_requests(server), n);
}
