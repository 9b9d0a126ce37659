/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_parse.c - requests out of what was read. Parsing is llhttp's, in its strict mode.
 */
#include "http_impl.h"

#include <stdio.h>
#include <string.h>

static const char head_too_large[] = "Request header is too large";

static int
fail(struct http_request *r, int status, const char *text)
{
	r->error = status;
	r->error_text = text;
	return HPE_USER;
}

static void
extend(struct http_span *span, struct http_conn *c, const char *at, size_t n)
{
	if (span->len == 0)
		span->at = (uint32_t)(at - c->in);
	span->len += (uint32_t)n;
}

static int
on_url(llhttp_t *p, const char *at, size_t n)
{
	struct http_conn *c = p->data;
	extend(&c->request->target, c, at, n);
	return 0;
}

/* Trailers of a chunked body are passed over: they must not add to the head. */
static int
on_field(llhttp_t *p, const char *at, size_t n)
{
	struct http_conn *c = p->data;
	struct http_request *r = c->request;

	if (r->is_head_complete)
		return 0;
	if (r->in_value || r->n_headers == 0) {
		if (r->n_headers == HTTP_HEADERS_MAX)
			return fail(r, 431, "Too many header lines");
		r->n_headers++;
		r->in_value = false;
	}
	extend(&r->names[r->n_headers - 1], c, at, n);
	return 0;
}

static int
on_value(llhttp_t *p, const char *at, size_t n)
{
	struct http_conn *c = p->data;
	struct http_request *r = c->request;

	if (r->is_head_complete)
		return 0;
	r->in_value = true;
	struct http_span *value = &r->values[r->n_headers - 1];
	/* A line that goes on in the next one, which a server may refuse (RFC 9112 section 5.2). */
	if (n > 0 && value->len > 0 && at != c->in + value->at + value->len)
		return fail(r, 400, "Folded header line");
	extend(value, c, at, n);
	return 0;
}

/* Where the head ends is known to who called the parser only: see take_head. */
static int
on_head_complete(llhttp_t *p)
{
	struct http_conn *c = p->data;

	c->request->is_head_complete = true;
	c->request->conn = c;
	return HPE_PAUSED;
}

static int
on_body(llhttp_t *p, const char *at, size_t n)
{
	struct http_conn *c = p->data;
	struct http_request *r = c->request;

	if (r->body_at.len + n > (uint64_t)c->server->shared->max_body_bytes)
		return fail(r, 413, "Request body is too large");
	if (r->body_at.len > 0)
		memmove(c->in + r->body_at.at + r->body_at.len, at, n);
	extend(&r->body_at, c, at, n);
	return 0;
}

static int
on_complete(llhttp_t *p)
{
	struct http_conn *c = p->data;
	c->request->is_complete = true;
	return HPE_PAUSED;
}

const llhttp_settings_t http_callbacks = {
	.on_url = on_url,
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_headers_complete = on_head_complete,
	.on_body = on_body,
	.on_message_complete = on_complete,
};

static void
dispatch(struct http_conn *c)
{
	struct http_request *r = c->request;
	const char *method = llhttp_method_name((llhttp_method_t)c->parser.method);

	http_conn_set_state(c, CONN_BUSY);
	metric_add(c->server->requests, 1);
	r->conn = c;
	r->is_control = c->is_control;
	r->is_http_1_0 = c->parser.http_minor == 0;
	r->method = str_of(method);
	r->body = http_text(c, r->body_at);
	http_find_client(c, r);
	if (http_split_target(r, http_text(c, r->target)))
		c->server->handler.handle(c->server->handler.arg, r);
	else
		http_reply_error(r, 400, "", "Malformed request target");
}

static void
refuse_bad_syntax(struct http_conn *c, llhttp_errno_t error)
{
	char text[160];

	if (c->request->error != 0) {
		http_conn_refuse(c, c->request->error, c->request->error_text);
		return;
	}
	const char *reason = llhttp_get_error_reason(&c->parser);
	snprintf(text, sizeof(text), "Malformed HTTP request: %s",
		reason != NULL && reason[0] != '\0' ? reason : llhttp_errno_name(error));
	http_conn_refuse(c, 400, text);
}

/* What llhttp takes for another protocol, as CONNECT asks for one, it takes to have no body, whatever its head says
 * of one: that must not be read as the next request. */
static int
check_framing(struct http_conn *c)
{
	const llhttp_t *p = &c->parser;
	bool is_old = p->http_minor == 0 && (p->flags & F_TRANSFER_ENCODING) != 0;

	/* Of an HTTP/1.0 message with a coding others may see another end (RFC 9112 section 6.1). */
	c->must_close |= p->method == HTTP_CONNECT || is_old;
	if ((p->flags & F_TRANSFER_ENCODING) && !(p->flags & F_CHUNKED))
		return fail(c->request, 400, "Transfer-Encoding must end with chunked");
	return HPE_OK;
}

/* HPE_OK: the body may come. */
static int
check_head(struct http_conn *c)
{
	struct http_request *r = c->request;
	const llhttp_t *p = &c->parser;

	if ((int64_t)r->head_len > c->server->conf->max_header_bytes)
		return fail(r, 431, head_too_large);
	if (p->http_major != 1)
		return fail(r, 505, "Only HTTP/1.0 and HTTP/1.1 are spoken here");
	if (p->http_minor >= 1 && http_header(r, "host").s == NULL)
		return fail(r, 400, "Missing Host header (RFC 9112 section 3.2)");
	if (p->content_length > (uint64_t)c->server->shared->max_body_bytes)
		return fail(r, 413, "Request body is too large");
	return check_framing(c);
}

static void
send_continue(struct http_conn *c)
{
	struct hsw_str expect = http_header(c->request, "expect");

	if (expect.s != NULL && http_is_name(expect, "100-continue") && c->parser.http_minor >= 1)
		http_conn_send_continue(c);
}

/* The parser has paused behind the head. */
static llhttp_errno_t
take_head(struct http_conn *c)
{
	struct http_request *r = c->request;

	c->parsed = r->head_len = (size_t)(llhttp_get_error_pos(&c->parser) - c->in);
	if (check_head(c) != HPE_OK)
		return HPE_USER;
	send_continue(c);
	llhttp_resume(&c->parser);
	return llhttp_execute(&c->parser, c->in + c->parsed, c->in_len - c->parsed);
}

/* Gives the parser what was read. */
void
http_conn_parse(struct http_conn *c)
{
	struct http_request *r = c->request;
	llhttp_errno_t error = llhttp_execute(&c->parser, c->in + c->parsed, c->in_len - c->parsed);

	if (error == HPE_PAUSED && !r->is_complete)
		error = take_head(c);
	if (r->is_complete && error == HPE_PAUSED) {
		c->parsed = (size_t)(llhttp_get_error_pos(&c->parser) - c->in);
		dispatch(c);
		return;
	}
	if (error != HPE_OK) {
		refuse_bad_syntax(c, error);
		return;
	}
	c->parsed = c->in_len;
	if (!r->is_head_complete) {
		if ((int64_t)c->in_len >= c->server->conf->max_header_bytes)
			http_conn_refuse(c, 431, head_too_large);
		return;
	}
	if (c->state == CONN_HEAD)
		http_conn_set_state(c, CONN_BODY);
	/* What is neither head nor body, sizes, extensions and trailers, may have any length. */
	if (c->parser.flags & F_CHUNKED)
		c->in_len = c->parsed = r->body_at.len > 0 ? r->body_at.at + r->body_at.len
							   : r->head_len;
}
