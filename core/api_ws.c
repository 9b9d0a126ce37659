/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_ws.c - GET /ws/:instance: the upgrade to a WebSocket (RFC 6455 section 4.2).
 *
 * The order of checks is what clients know: rate limit, instance, token (these are api.c's), whether
 * WebSocket is enabled, origin, the upgrade itself. Each is answered as plain HTTP.
 */
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api_call.h"
#include "crypt.h"
#include "log.h"

#define KEY_LEN 24     /* base64 of 16 bytes */
#define LOG_ORIGIN 200 /* bytes of an origin in the log */
#define ANSWER_MAX 512

/* RFC 6455 section 1.3. */
static const char key_suffix[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

static bool
is_same_text(struct hsw_str a, struct hsw_str b)
{
	return a.len == b.len && strncasecmp(a.s, b.s, a.len) == 0;
}

/* ---- origin ---- */

/* Without the port that the scheme has anyway: browsers leave it out, others and proxies may not. */
static struct hsw_str
without_port(struct hsw_str host, const char *port)
{
	size_t n = strlen(port);

	if (host.len > n && memcmp(host.s + host.len - n, port, n) == 0)
		host.len -= n;
	return host;
}

/* Whether an origin is of that host: what follows its "://", host and port. A page that came without TLS is not of
 * a host that is reached by TLS (RFC 6454 section 4): on its way anybody could have written it. A client without
 * TLS may have it up to a proxy that does not say so. */
static bool
is_own(struct hsw_str origin, struct hsw_str host, bool is_https)
{
	const char *at = memmem(origin.s, origin.len, "://", 3);

	if (at == NULL || host.len == 0)
		return false;
	const struct hsw_str scheme = { origin.s, (size_t)(at - origin.s) };
	const struct hsw_str of = { at + 3, origin.len - scheme.len - 3 };
	const char *port = is_same_text(scheme, str_of("https")) ? ":443"
		: is_same_text(scheme, str_of("http"))           ? ":80"
								 : "";
	if (is_https && is_same_text(scheme, str_of("http")))
		return false;
	return is_same_text(without_port(of, port), without_port(host, port));
}

static bool
is_allowed(const char **origins, struct hsw_str origin)
{
	for (; origins != NULL && *origins != NULL; origins++) {
		if (strcmp(*origins, "*") == 0 || is_same_text(origin, str_of(*origins)))
			return true;
	}
	return false;
}

/* Programs send no Origin; browsers always do. */
static bool
check_origin(const struct api_call *call)
{
	struct http_request *r = call->http;
	struct hsw_str origin = http_header(r, "origin");
	struct hsw_str host = http_header(r, "host");

	if (origin.s == NULL || is_allowed(call->worker->config->websocket.origins, origin))
		return true;
	if (is_own(origin, host, r->client.is_https))
		return true;
	log_warn("ws", "WebSocket upgrade blocked from origin %.*s (host %.*s)",
		origin.len < LOG_ORIGIN ? (int)origin.len : LOG_ORIGIN, origin.s,
		host.len < LOG_ORIGIN ? (int)host.len : LOG_ORIGIN, host.s);
	http_reply(r, 403, call->headers, (struct hsw_str){ "", 0 });
	return false;
}

/* ---- the upgrade ---- */

static bool
is_key(struct hsw_str key)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	if (key.len != KEY_LEN || memcmp(key.s + KEY_LEN - 2, "==", 2) != 0)
		return false;
	for (size_t i = 0; i < KEY_LEN - 2; i++) {
		if (memchr(digits, key.s[i], sizeof(digits) - 1) == NULL)
			return false;
	}
	return true;
}

static bool
refuse(const struct api_call *call, int status, const char *more, const char *message)
{
	char headers[CHANGE_HEADERS_SIZE + 64];

	snprintf(headers, sizeof(headers), "%s%s", more, call->headers);
	http_reply_error(call->http, status, headers, message);
	return false;
}

/* RFC 6455 section 4.2.1. */
static bool
check_upgrade(const struct api_call *call)
{
	const struct http_request *r = call->http;

	if (r->is_http_1_0 || !http_header_has_word(r, "upgrade", "websocket") ||
		!http_header_has_word(r, "connection", "upgrade"))
		return refuse(call, 426, "Upgrade: websocket\r\nConnection: Upgrade\r\n",
			"This is a WebSocket: an upgrade request is expected");
	if (!str_is(http_header(r, "sec-websocket-version"), "13"))
		return refuse(call, 426, "Sec-WebSocket-Version: 13\r\n",
			"Only version 13 of WebSocket is spoken here");
	if (!is_key(http_header(r, "sec-websocket-key")))
		return refuse(call, 400, "", "Missing or malformed Sec-WebSocket-Key");
	return true;
}

/* The socket's buffer is empty, so a short write means that it is of no use. */
static bool
send_switch(const struct api_call *call, int fd, struct hsw_str key)
{
	char accept[SHA1_BASE64_SIZE], answer[ANSWER_MAX];

	if (!sha1_base64(key, str_of(key_suffix), accept))
		return false;
	int n = snprintf(answer, sizeof(answer),
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
		accept, call->headers);
	return send(fd, answer, (size_t)n, MSG_NOSIGNAL) == n;
}

/* Who came with the account's token goes with it. */
static unsigned
flags_of(const struct api_call *call)
{
	return call->of_token == NULL && !call->http->is_control ? HSW_CONN_ACCOUNT : 0;
}

/* From live_expect on the client misses no event; so it stands before the answer. Once the connection is given up,
 * the request is gone. */
static void
upgrade(const struct api_call *call, const struct instance *instance)
{
	struct live *live = call->worker->live;
	struct buf early = BUF_INIT;
	char key[KEY_LEN];

	memcpy(key, http_header(call->http, "sec-websocket-key").s, KEY_LEN);
	const unsigned flags = flags_of(call);
	int fd = http_give_up(call->http, &early);
	struct hsw_conn conn = { .fd = fd,
		.instance = instance->name,
		.key = { key, KEY_LEN },
		.early = { early.data, early.len },
		.flags = flags };
	live_expect(live);
	if (early.failed || !send_switch(call, fd, conn.key)) {
		close(fd);
		live_release(live);
	} else if (live_adopt(live, &conn) != HSW_OK) {
		log_error("ws", "out of memory: a client was sent away instance=%.*s",
			(int)instance->name.len, instance->name.s);
	}
	buf_free(&early);
}

static bool
check_enabled(const struct api_call *call, const struct websocket_setting *setting)
{
	if (!setting->enabled) {
		api_error(call, 400,
			"WebSocket is not enabled for this instance. Configure it first using POST "
			"/api/events/websocket/%.*s",
			(int)call->instance.len, call->instance.s);
		return false;
	}
	if (live_is_open(call->worker->live))
		return true;
	api_error(call, 503, "The server takes no WebSocket clients");
	return false;
}

void
api_ws(struct api_call *call)
{
	struct websocket_setting setting;
	const struct instance *instance = catalog_find_websocket(
		&call->worker->catalog, call->instance, &setting);

	if (check_enabled(call, &setting) && check_origin(call) && check_upgrade(call))
		upgrade(call, instance);
}
