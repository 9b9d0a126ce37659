/* SPDX-License-Identifier: Apache-2.0 */
/* sockets.c - see sockets.h. */
#include "sockets.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_listen.h"
#include "err.h"
#include "listen.h"
#include "notify.h"

#define CONTROL_MODE 0600

static int
add(struct sockets *s, int fd, unsigned worker, enum http_listener kind)
{
	if (fd < 0)
		return HSW_EIO;
	struct socket *list = realloc(s->list, (s->n + 1) * sizeof(s->list[0]));
	if (list == NULL) {
		close(fd);
		return HSW_ENOMEM;
	}
	s->list = list;
	s->list[s->n++] = (struct socket){ .fd = fd, .worker = worker, .kind = kind };
	return HSW_OK;
}

/* Every worker has a socket of its own for each TCP address; a unix socket is the first one's. */
static int
open_address(struct sockets *s, const struct server_conf *conf, const char *address,
	enum http_listener kind, unsigned workers, struct hsw_error *err)
{
	unsigned n = config_listen_is_unix(address) ? 1 : workers;
	int rc = HSW_OK;

	for (unsigned w = 0; w < n && rc == HSW_OK; w++)
		rc = add(s, listen_open(address, workers > 1, conf->listen_mode, err), w, kind);
	return rc;
}

/* All of them before any is opened, so that addresses of ours that overlap (0.0.0.0 and [::]) may. */
static int
probe_list(const char **addresses, struct hsw_error *err)
{
	int rc = HSW_OK;

	if (addresses == NULL || strcmp(addresses[0], CONFIG_LISTEN_NONE) == 0)
		return HSW_OK;
	for (; *addresses != NULL && rc == HSW_OK; addresses++)
		rc = listen_probe(*addresses, err);
	return rc;
}

static int
open_list(struct sockets *s, const struct server_conf *conf, const char **addresses,
	enum http_listener kind, unsigned workers, struct hsw_error *err)
{
	int rc = HSW_OK;

	if (addresses == NULL || strcmp(addresses[0], CONFIG_LISTEN_NONE) == 0)
		return HSW_OK;
	for (; *addresses != NULL && rc == HSW_OK; addresses++)
		rc = open_address(s, conf, *addresses, kind, workers, err);
	return rc;
}

void
sockets_close(struct sockets *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->list[i].fd >= 0)
			close(s->list[i].fd);
	}
	free(s->list);
	*s = (struct sockets){ .n = 0 };
}

static void
print_list(const char **addresses, const char *prefix, struct buf *out)
{
	if (addresses == NULL || strcmp(addresses[0], CONFIG_LISTEN_NONE) == 0)
		return;
	for (; *addresses != NULL; addresses++)
		buf_printf(out, "%s%s%s", out->len > 0 ? "," : "", prefix, *addresses);
}

void
sockets_print(const struct server_conf *conf, struct buf *out)
{
	print_list(conf->listen, "", out);
	print_list(conf->listen_tls, "tls:", out);
}

static void
remove_list(const char **addresses)
{
	for (; addresses != NULL && *addresses != NULL; addresses++) {
		if (config_listen_is_unix(*addresses))
			listen_unlink(*addresses + 5);
	}
}

void
sockets_remove_files(const struct server_conf *conf)
{
	listen_unlink(conf->control);
	remove_list(conf->listen);
	remove_list(conf->listen_tls);
}

static bool
has_handed_over(const struct sockets *s, unsigned i)
{
	for (size_t k = 0; k < s->n; k++) {
		if (notify_is_socket(i, s->list[k].fd))
			return true;
	}
	return false;
}

/* The service manager keeps its sockets open: whoever connects to one that nobody serves would wait for ever. */
static int
check_handed_over(const struct sockets *s, const struct server_conf *conf, struct hsw_error *err)
{
	char text[NOTIFY_SOCKET_TEXT];

	for (unsigned i = 0; i < notify_sockets(); i++) {
		if (has_handed_over(s, i))
			continue;
		notify_print_socket(i, text, sizeof(text));
		err_set(err, HSW_EINVAL,
			"the service manager hands over a socket that no listen, listen_tls or "
			"control "
			"names: %s. Name it in [server], or take it out of the socket unit",
			text);
		sockets_remove_files(conf);
		return HSW_EINVAL;
	}
	return HSW_OK;
}

int
sockets_open(
	struct sockets *s, const struct server_conf *conf, unsigned workers, struct hsw_error *err)
{
	*s = (struct sockets){ .n = 0 };
	err_set(err, HSW_ENOMEM, "out of memory");
	int rc = probe_list(conf->listen, err);
	if (rc == HSW_OK)
		rc = probe_list(conf->listen_tls, err);
	if (rc == HSW_OK)
		rc = open_list(s, conf, conf->listen, HTTP_PLAIN, workers, err);
	if (rc == HSW_OK)
		rc = open_list(s, conf, conf->listen_tls, HTTP_TLS, workers, err);
	if (rc == HSW_OK)
		rc = add(s, listen_unix(conf->control, CONTROL_MODE, err), 0, HTTP_CONTROL);
	if (rc == HSW_OK)
		rc = check_handed_over(s, conf, err);
	return rc;
}
