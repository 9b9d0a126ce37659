/* SPDX-License-Identifier: Apache-2.0 */
/* client.c - see client.h. One request of HTTP/1.0 a connection: the answer ends with it. */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <json.h>

#include "err.h"
#include "json_text.h"

static int
connect_to(const char *path, int timeout_s, struct hsw_error *err)
{
	const struct timeval timeout = { .tv_sec = timeout_s };
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(a.sun_path)) {
		err_set(err, HSW_EINVAL, "%s: longer than a socket's path may be", path);
		return -1;
	}
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 &&
		TEMP_FAILURE_RETRY(connect(fd, (const struct sockaddr *)&a, sizeof(a))) == 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
		return fd;
	}
	if (errno == EACCES || errno == EPERM)
		err_set(err, HSW_ECLOSED,
			"you may not use the control socket %s: %s (run it as the daemon's user, "
			"or as "
			"root)",
			path, strerror(errno));
	else
		err_set(err, HSW_ECLOSED, "no daemon answers at %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* With a timeout, a read ends with EINTR when the process was stopped, as by Ctrl-Z: signal(7). */
static int
exchange(int fd, const struct buf *request, struct buf *answer)
{
	char chunk[16384];
	ssize_t n;

	for (size_t sent = 0; sent < request->len; sent += (size_t)n) {
		n = TEMP_FAILURE_RETRY(
			send(fd, request->data + sent, request->len - sent, MSG_NOSIGNAL));
		if (n < 0)
			return HSW_EIO;
	}
	while ((n = TEMP_FAILURE_RETRY(read(fd, chunk, sizeof(chunk)))) > 0)
		buf_append(answer, chunk, (size_t)n);
	return n == 0 && !answer->failed ? HSW_OK : HSW_EIO;
}

/* The daemon's own words: error.message of the body. */
static int
refused(struct hsw_str body, int status, struct hsw_error *err)
{
	struct json_object *root = json_text_parse(body);
	struct json_object *error = NULL, *message = NULL;
	int rc = status == 404 ? HSW_ENOENT : HSW_EINVAL;

	if (json_object_object_get_ex(root, "error", &error) &&
		json_object_object_get_ex(error, "message", &message))
		err_set(err, rc, "%s", json_object_get_string(message));
	else
		err_set(err, rc, "the daemon answered with status %d", status);
	json_object_put(root);
	return rc;
}

/* Splits "HTTP/1.1 200 ...\r\n...\r\n\r\nbody". */
static int
read_answer(const struct buf *answer, struct buf *out, struct hsw_error *err)
{
	const char *end = answer->len > 0 ? memmem(answer->data, answer->len, "\r\n\r\n", 4) : NULL;
	int status = 0;

	if (end == NULL || sscanf(answer->data, "HTTP/1.%*d %d", &status) != 1)
		return err_set(err, HSW_EIO, "the daemon's answer is not HTTP");
	size_t head = (size_t)(end - answer->data) + 4;
	struct hsw_str body = { answer->data + head, answer->len - head };
	if (status < 200 || status > 299)
		return refused(body, status, err);
	buf_append(out, body.s, body.len);
	return out->failed ? err_set(err, HSW_ENOMEM, "out of memory") : HSW_OK;
}

int
client_send(const char *path, const char *method, const char *target, struct hsw_str body,
	int timeout_s, struct buf *out, struct hsw_error *err)
{
	struct buf request = BUF_INIT, answer = BUF_INIT;
	int fd = connect_to(path, timeout_s, err);

	if (fd < 0)
		return HSW_ECLOSED;
	buf_printf(&request,
		"%s %s HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
		method, target, body.len);
	buf_append(&request, body.s, body.len);
	int rc = request.failed ? HSW_EIO : exchange(fd, &request, &answer);
	if (rc == HSW_OK)
		rc = read_answer(&answer, out, err);
	else if (errno == EAGAIN)
		err_set(err, rc, "the daemon has not answered for %d s; it may still be at it",
			timeout_s);
	else
		err_set(err, rc, "talking to the daemon failed: %s", strerror(errno));
	close(fd);
	buf_free(&request);
	buf_free(&answer);
	return rc;
}

int
client_ask(const char *path, const char *method, const char *target, struct buf *out,
	struct hsw_error *err)
{
	return client_send(
		path, method, target, (struct hsw_str){ NULL, 0 }, CLIENT_TIMEOUT_S, out, err);
}

/* RFC 3986 section 2.3 */
void
client_escape(struct buf *out, const char *text)
{
	for (const unsigned char *t = (const unsigned char *)text; *t != '\0'; t++) {
		bool is_plain = (*t >= 'a' && *t <= 'z') || (*t >= 'A' && *t <= 'Z') ||
			(*t >= '0' && *t <= '9') || strchr("-._~", *t) != NULL;
		buf_printf(out, is_plain ? "%c" : "%%%02X", *t);
	}
}
