/* SPDX-License-Identifier: Apache-2.0 */
/* ws_client.c - see ws_client.h. */
#include "ws_client.h"

#include <stdio.h>
#include <strings.h>

#include <json.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "err.h"
#include "json_text.h"
#include "shown.h"

#define ANSWER_TIMEOUT_MS 15000
#define ANSWER_MAX 65536
#define SILENCE_MS 30000 /* the server is asked whether it is there */
#define SILENCES_MAX 3   /* then it is not */
#define MESSAGE_MAX (256u << 20)
#define SAID_MAX 300 /* characters of a server's words that are told */
#define KEY_SIZE 25  /* base64 of 16 bytes */

enum opcode { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

struct frame {
	enum opcode opcode;
	bool is_final;
	size_t head_len, len; /* of the head, and of the payload behind it */
};

static void
consume(struct buf *b, size_t n)
{
	b->len -= n;
	memmove(b->data, b->data + n, b->len);
}

/* HSW_OK: more came in. */
static int
receive(struct ws_client *c, int timeout_ms)
{
	if (!buf_reserve(&c->in, 65536))
		return HSW_ENOMEM;
	ssize_t n = ws_stream_recv(
		&c->stream, c->in.data + c->in.len, c->in.cap - c->in.len, timeout_ms);
	if (n <= 0)
		return n == 0 ? HSW_EIO : (int)n;
	c->in.len += (size_t)n;
	return HSW_OK;
}

/* What the server says goes to a terminal. format has a %.*s for it, and perhaps a %u for the code. */
static int
fail_saying(struct hsw_error *err, int rc, const char *format, struct hsw_str text, unsigned code)
{
	struct buf said = BUF_INIT;

	shown_append(&said, text, SAID_MAX);
	err_set(err, rc, format, (int)said.len, said.len > 0 ? said.data : "", code);
	buf_free(&said);
	return rc;
}

/* ---- the upgrade ---- */

static void
base64(const unsigned char *data, int n, char *out)
{
	EVP_EncodeBlock((unsigned char *)out, data, n);
}

/* RFC 6455 section 4.2.2. */
static bool
is_accepted(struct hsw_str head, const char *key)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char text[128];
	unsigned int len;

	int n = snprintf(text, sizeof(text), "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
	if (EVP_Digest(text, (size_t)n, digest, &len, EVP_sha1(), NULL) != 1)
		return false;
	base64(digest, (int)len, text);
	return memmem(head.s, head.len, text, strlen(text)) != NULL;
}

static void
write_head(struct buf *b, const struct ws_url *u, const char *target, const char *token)
{
	buf_printf(b, "GET %s%s HTTP/1.1\r\n",
		u->is_unix || strcmp(u->path, "/") == 0 ? "" : u->path, target);
	if (u->is_unix)
		buf_str(b, "Host: localhost\r\n");
	else
		buf_printf(b,
			strchr(u->host, ':') != NULL ? "Host: [%s]:%s\r\n" : "Host: %s:%s\r\n",
			u->host, u->port);
	if (token != NULL)
		buf_printf(b, "token: %s\r\n", token);
	buf_str(b, "User-Agent: hookswitch/" PACKAGE_VERSION "\r\n");
}

static void
write_request(struct buf *b, const struct ws_url *u, const char *target, const char *token,
	const char *key)
{
	write_head(b, u, target, token);
	buf_printf(b,
		"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: %s\r\n\r\n",
		key);
}

static int
await_head(struct ws_client *c, size_t *head_len, struct hsw_error *err)
{
	const char *end = NULL;
	char line[32];

	while (end == NULL) {
		int rc = receive(c, ANSWER_TIMEOUT_MS);
		if (rc == HSW_ECLOSED)
			return rc;
		if (rc != HSW_OK || c->in.len > ANSWER_MAX)
			return err_set(err, HSW_EIO,
				rc == HSW_EAGAIN ? "no answer" : "the answer is not HTTP");
		end = memmem(c->in.data, c->in.len, "\r\n\r\n", 4);
	}
	*head_len = (size_t)(end - c->in.data) + 4;
	/* What was received ends without a NUL. */
	snprintf(line, sizeof(line), "%.*s", (int)*head_len, c->in.data);
	return sscanf(line, "HTTP/1.%*1d %3d", &c->status) == 1
		? HSW_OK
		: err_set(err, HSW_EIO, "the answer is not HTTP");
}

/* error.message of the body, which may come a moment after the head. */
static void
read_refusal(struct ws_client *c, size_t head_len, struct hsw_error *err)
{
	struct json_object *error = NULL, *message = NULL;

	while (memchr(c->in.data + head_len, '}', c->in.len - head_len) == NULL &&
		c->in.len < ANSWER_MAX && receive(c, 1000) == HSW_OK)
		;
	struct json_object *root = json_text_parse(
		(struct hsw_str){ c->in.data + head_len, c->in.len - head_len });
	if (json_object_object_get_ex(root, "error", &error) &&
		json_object_object_get_ex(error, "message", &message) && message != NULL)
		fail_saying(err, HSW_EAUTH, "%.*s", str_of(json_object_get_string(message)), 0);
	else
		err_set(err, HSW_EAUTH, "no reason is given");
	json_object_put(root);
}

static int
upgrade(struct ws_client *c, const char *key, struct hsw_error *err)
{
	size_t head_len = 0;
	int rc = await_head(c, &head_len, err);

	if (rc != HSW_OK)
		return rc;
	if (c->status != 101) {
		read_refusal(c, head_len, err);
		return HSW_EAUTH;
	}
	if (!is_accepted((struct hsw_str){ c->in.data, head_len }, key))
		return err_set(err, HSW_EIO, "the server did not understand the upgrade");
	consume(&c->in, head_len);
	return HSW_OK;
}

int
ws_client_open(struct ws_client *c, const struct ws_url *u, const char *target, const char *token,
	const char *ca, struct hsw_error *err)
{
	unsigned char nonce[16];
	char key[KEY_SIZE];
	struct buf request = BUF_INIT;

	c->in.len = c->message.len = 0;
	c->is_partial = false;
	c->status = 0;
	c->close_code = 0;
	int rc = ws_stream_open(&c->stream, u, ca, err);
	if (rc != HSW_OK)
		return rc;
	if (RAND_bytes(nonce, sizeof(nonce)) != 1)
		return err_set(err, HSW_EIO, "no random numbers");
	base64(nonce, sizeof(nonce), key);
	write_request(&request, u, target, token, key);
	rc = request.failed ? HSW_ENOMEM : ws_stream_send(&c->stream, request.data, request.len);
	buf_free(&request);
	if (rc == HSW_OK)
		return upgrade(c, key, err);
	return rc == HSW_ECLOSED ? rc : err_set(err, rc, "the connection ended");
}

/* ---- frames ---- */

/* A client's frames are masked (RFC 6455 section 5.3); of a control frame, at most 125 bytes. */
static int
send_control(struct ws_client *c, enum opcode opcode, struct hsw_str payload)
{
	unsigned char frame[2 + 4 + 125];

	if (payload.len > 125 || RAND_bytes(frame + 2, 4) != 1)
		return HSW_EIO;
	frame[0] = (unsigned char)(0x80 | opcode);
	frame[1] = (unsigned char)(0x80 | payload.len);
	for (size_t i = 0; i < payload.len; i++)
		frame[6 + i] = (unsigned char)payload.s[i] ^ frame[2 + i % 4];
	return ws_stream_send(&c->stream, frame, 6 + payload.len);
}

/* RFC 6455 section 5.2. HSW_EAGAIN: more bytes are needed. */
static int
parse_head(const struct buf *in, struct frame *f)
{
	const unsigned char *b = (const unsigned char *)in->data;

	if (in->len < 2)
		return HSW_EAGAIN;
	unsigned short_len = b[1] & 0x7f;
	unsigned more = short_len == 126 ? 2 : short_len == 127 ? 8 : 0;
	bool is_control = (b[0] & 8) != 0, is_final = (b[0] & 0x80) != 0;
	if ((b[0] & 0x70) != 0 || (b[1] & 0x80) != 0 || (is_control && (more > 0 || !is_final)))
		return HSW_EINVAL;
	if (in->len < 2 + more)
		return HSW_EAGAIN;
	uint64_t len = more == 0 ? short_len : 0;
	for (unsigned i = 0; i < more; i++)
		len = len << 8 | b[2 + i];
	if (len > MESSAGE_MAX)
		return HSW_EINVAL;
	*f = (struct frame){ (enum opcode)(b[0] & 0x0f), is_final, 2 + more, (size_t)len };
	return HSW_OK;
}

static int
on_close_frame(struct ws_client *c, struct hsw_str payload, struct hsw_error *err)
{
	const unsigned char *b = (const unsigned char *)payload.s;

	c->close_code = payload.len >= 2 ? (unsigned)b[0] << 8 | b[1] : 1005;
	send_control(c, CLOSE, (struct hsw_str){ payload.s, payload.len >= 2 ? 2 : 0 });
	if (payload.len > 2)
		return fail_saying(err, HSW_EIO, "the server ended it: %.*s (%u)",
			(struct hsw_str){ payload.s + 2, payload.len - 2 }, c->close_code);
	return err_set(err, HSW_EIO, "the server ended it (%u)", c->close_code);
}

/* HSW_EAGAIN: no message is complete yet. */
static int
take(struct ws_client *c, const struct frame *f, struct hsw_str payload, struct hsw_error *err)
{
	switch (f->opcode) {
	case PING:
		return send_control(c, PONG, payload) == HSW_OK ? HSW_EAGAIN : HSW_EIO;
	case PONG:
		return HSW_EAGAIN;
	case CLOSE:
		return on_close_frame(c, payload, err);
	case TEXT:
	case BINARY:
		if (c->is_partial)
			return HSW_EINVAL;
		c->message.len = 0;
		break;
	case CONTINUATION:
		if (!c->is_partial)
			return HSW_EINVAL;
		break;
	default:
		return HSW_EINVAL;
	}
	if (c->message.len + payload.len > MESSAGE_MAX)
		return HSW_EINVAL;
	c->is_partial = !f->is_final;
	buf_append(&c->message, payload.s, payload.len);
	return c->message.failed ? HSW_ENOMEM : f->is_final ? HSW_OK : HSW_EAGAIN;
}

/* A frame that is here as a whole. HSW_EAGAIN: there is none. */
static int
next_frame(struct ws_client *c, struct hsw_error *err)
{
	struct frame f;
	int rc = HSW_EAGAIN;

	while (rc == HSW_EAGAIN) {
		int parsed = parse_head(&c->in, &f);
		if (parsed != HSW_OK)
			return parsed;
		if (c->in.len - f.head_len < f.len)
			return HSW_EAGAIN;
		rc = take(c, &f, (struct hsw_str){ c->in.data + f.head_len, f.len }, err);
		consume(&c->in, f.head_len + f.len);
	}
	return rc;
}

int
ws_client_read(struct ws_client *c, struct hsw_error *err)
{
	int silences = 0;

	err_set(err, HSW_EIO, "the connection ended");
	for (;;) {
		int rc = next_frame(c, err);
		if (rc == HSW_EINVAL)
			return err_set(err, HSW_EIO, "what came is no WebSocket frame");
		if (rc != HSW_EAGAIN)
			return rc == HSW_ENOMEM ? err_set(err, HSW_EIO, "out of memory") : rc;
		rc = receive(c, SILENCE_MS);
		if (rc == HSW_OK) {
			silences = 0;
		} else if (rc == HSW_EAGAIN && ++silences < SILENCES_MAX) {
			if (c->on_silence != NULL)
				c->on_silence(c->arg);
			rc = send_control(c, PING, str_of("tail"));
		} else if (rc == HSW_EAGAIN) {
			return err_set(err, HSW_EIO, "the server is silent");
		}
		if (rc != HSW_OK)
			return rc == HSW_ECLOSED ? rc : HSW_EIO;
	}
}

void
ws_client_close(struct ws_client *c)
{
	static const char going_away[] = { 0x03, (char)0xe9 }; /* 1001 */
	static const volatile sig_atomic_t no_stop = 0;

	if (c->stream.fd >= 0 && c->status == 101 && c->close_code == 0) {
		c->stream.must_stop = &no_stop;
		send_control(c, CLOSE, (struct hsw_str){ going_away, 2 });
	}
	ws_stream_close(&c->stream);
	buf_free(&c->in);
	buf_free(&c->message);
}

/* The answer ends with the connection. */
static int
read_answer(struct ws_client *c, struct buf *body, struct hsw_error *err)
{
	size_t head_len = 0;
	int rc = await_head(c, &head_len, err);

	if (rc != HSW_OK)
		return rc;
	if (c->status != 200)
		return err_set(err, HSW_EAUTH, "status %d", c->status);
	while (rc == HSW_OK && c->in.len < ANSWER_MAX)
		rc = receive(c, ANSWER_TIMEOUT_MS);
	if (rc == HSW_ECLOSED || rc == HSW_EAGAIN)
		return err_set(err, rc, "no answer");
	buf_append(body, c->in.data + head_len, c->in.len - head_len);
	return body->failed ? err_set(err, HSW_ENOMEM, "out of memory") : HSW_OK;
}

int
ws_client_ask(const struct ws_url *u, const char *target, const char *token, const char *ca,
	struct ws_client *c, struct buf *body, struct hsw_error *err)
{
	struct buf request = BUF_INIT;
	int rc = ws_stream_open(&c->stream, u, ca, err);

	write_head(&request, u, target, token);
	buf_str(&request, "Connection: close\r\n\r\n");
	if (rc == HSW_OK)
		rc = request.failed ? err_set(err, HSW_ENOMEM, "out of memory")
				    : ws_stream_send(&c->stream, request.data, request.len);
	if (rc == HSW_OK)
		rc = read_answer(c, body, err);
	buf_free(&request);
	ws_client_close(c);
	return rc;
}
