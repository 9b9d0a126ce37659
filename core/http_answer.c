/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_answer.c - answers: the head of a response, and sending it.
 */
#include "http_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clock.h"

static const char *
reason_of(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 422, "Unprocessable Content" },
		{ 426, "Upgrade Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return "Unknown";
}

/* RFC 9110 section 5.6.7; made once a second. */
static const char *
date_text(struct http_server *s)
{
	int64_t now = clock_wall_ms() / 1000;
	time_t t = (time_t)now;
	struct tm tm;

	if (now != s->date_s) {
		s->date_s = now;
		gmtime_r(&t, &tm);
		strftime(s->date_text, sizeof(s->date_text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	}
	return s->date_text;
}

void
http_conn_send(struct http_conn *c)
{
	ssize_t n = transport_send(
		&c->transport, c->out.data + c->out_sent, c->out.len - c->out_sent);

	if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
		http_conn_close(c);
		return;
	}
	c->out_sent += n > 0 ? (size_t)n : 0;
	if (c->out_sent < c->out.len) {
		if (c->state != CONN_WRITE)
			http_conn_set_state(c, CONN_WRITE);
		event_add(&c->write_event, NULL);
		return;
	}
	c->out.len = c->out_sent = 0;
	if (c->out.cap > HTTP_BUF_FIRST)
		buf_free(&c->out);
	if (c->must_close)
		http_conn_close_politely(c);
	else
		http_conn_next_request(c);
}

void
http_reply_type(struct http_request *r, int status, const char *type, const char *extra,
	struct hsw_str body)
{
	struct http_conn *c = r->conn;
	struct buf *out = &c->out;
	bool is_old = c->parser.http_major == 1 && c->parser.http_minor == 0;

	c->must_close |= c->server->is_draining || !llhttp_should_keep_alive(&c->parser);
	buf_str(out, "HTTP/1.1 ");
	buf_number(out, (uint64_t)status);
	buf_str(out, " ");
	buf_str(out, reason_of(status));
	buf_str(out, "\r\nDate: ");
	buf_str(out, date_text(c->server));
	buf_str(out, "\r\nContent-Type: ");
	buf_str(out, type);
	buf_str(out, "\r\nContent-Length: ");
	buf_number(out, body.len);
	buf_str(out, "\r\n");
	if (c->must_close)
		buf_str(out, "Connection: close\r\n");
	else if (is_old)
		buf_str(out, "Connection: keep-alive\r\n");
	buf_str(out, extra);
	buf_str(out, "\r\n");
	if (!str_is(r->method, "HEAD"))
		buf_append(&c->out, body.s, body.len);
	if (c->out.failed)
		http_conn_close(c);
	else
		http_conn_send(c);
}

void
http_reply(struct http_request *r, int status, const char *extra, struct hsw_str body)
{
	http_reply_type(r, status, "application/json", extra, body);
}

void
http_reply_error(struct http_request *r, int status, const char *extra, const char *message)
{
	struct buf b = BUF_INIT;

	buf_str(&b, "{\"success\":false,\"error\":{\"message\":");
	buf_json_cstr(&b, message);
	buf_str(&b, "}}");
	http_reply(r, status, extra, (struct hsw_str){ b.data, b.failed ? 0 : b.len });
	buf_free(&b);
}

/* What cannot be sent at once goes before the answer: a client does not wait for it for ever (RFC 9110
 * section 10.1.1). */
void
http_conn_send_continue(struct http_conn *c)
{
	buf_str(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
	ssize_t n = c->out.failed ? 0 : transport_send(&c->transport, c->out.data, c->out.len);
	if (n == (ssize_t)c->out.len)
		c->out.len = 0;
	else
		c->out_sent = n > 0 ? (size_t)n : 0;
}

void
http_conn_refuse(struct http_conn *c, int status, const char *text)
{
	struct http_request *r = c->request;

	metric_add(c->server->refused, 1);
	http_conn_set_state(c, CONN_BUSY);
	http_conn_set_reading(c, false);
	r->conn = c;
	r->method = str_of("");
	c->must_close = true;
	http_reply_error(r, status, "", text);
}
