/* SPDX-License-Identifier: Apache-2.0 */
/* config_listen.c - see config_listen.h. */
#include "config_listen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "err.h"
#include "tls.h"

#define PORT_MAX 65535

bool
config_listen_split(const char *address, char *host, size_t size, const char **port)
{
	const char *colon = strrchr(address, ':');
	const char *begin = address, *end = colon;

	if (colon == NULL || colon[1] == '\0' || colon == address)
		return false;
	if (address[0] == '[' && colon[-1] == ']') {
		begin++;
		end--;
	} else if (memchr(address, ':', (size_t)(colon - address)) != NULL) {
		return false;
	}
	if ((size_t)(end - begin) >= size)
		return false;
	snprintf(host, size, "%.*s", (int)(end - begin), begin);
	*port = colon + 1;
	return true;
}

static bool
is_none(const char **list)
{
	return list != NULL && list[0] != NULL && strcmp(list[0], CONFIG_LISTEN_NONE) == 0;
}

/* `*` is 0.0.0.0 under another name. */
static bool
is_same_address(const char *a, const char *b)
{
	if (strncmp(a, "*:", 2) == 0 && strncmp(b, "0.0.0.0:", 8) == 0)
		return strcmp(a + 2, b + 8) == 0;
	if (strncmp(b, "*:", 2) == 0 && strncmp(a, "0.0.0.0:", 8) == 0)
		return strcmp(b + 2, a + 8) == 0;
	return strcmp(a, b) == 0;
}

/* The same address in the list, before `end` (NULL: all of it); NULL: it is not there. */
static const char *
find_twice(const char *address, const char **list, const char *const *end)
{
	for (; list != NULL && list != end && *list != NULL; list++) {
		if (is_same_address(address, *list))
			return *list;
	}
	return NULL;
}

static int
check_twice(const char **list, const char **other, const char *key, struct hsw_error *err)
{
	for (const char **a = list; a != NULL && *a != NULL; a++) {
		if (find_twice(*a, list, a) != NULL)
			return err_set(err, HSW_EINVAL, "%.100s stands there twice", *a);
		if (find_twice(*a, other, NULL) != NULL)
			return err_set(err, HSW_EINVAL, "%.100s is an address of %s, too", *a, key);
	}
	return HSW_OK;
}

bool
config_listen_is_unix(const char *address)
{
	return strncmp(address, CONFIG_LISTEN_UNIX, strlen(CONFIG_LISTEN_UNIX)) == 0;
}

static bool
is_port(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && n >= 1 && n <= PORT_MAX;
}

static int
check_address(const char *address, struct hsw_error *err)
{
	char host[CONFIG_HOST_SIZE];
	const char *port, *path = address + strlen(CONFIG_LISTEN_UNIX);

	if (config_listen_is_unix(address)) {
		if (path[0] == '/' && strlen(path) < sizeof(((struct sockaddr_un *)0)->sun_path))
			return HSW_OK;
		return err_set(err, HSW_EINVAL,
			"found `%.100s`, expected unix: and an absolute path of at most %zu bytes",
			address, sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	}
	if (!config_listen_split(address, host, sizeof(host), &port))
		return err_set(err, HSW_EINVAL,
			"found `%.100s`, expected ADDRESS:PORT, [IPV6]:PORT or unix:/path",
			address);
	if (is_port(port))
		return HSW_OK;
	return err_set(
		err, HSW_EINVAL, "found `%.100s`, expected a port from 1 to %d", address, PORT_MAX);
}

static int
check_addresses(const char **list, struct hsw_error *err)
{
	int rc = HSW_OK;

	for (; rc == HSW_OK && list != NULL && *list != NULL; list++)
		rc = check_address(*list, err);
	return rc;
}

static int
check_listen(struct server_conf *s, struct hsw_error *err)
{
	if (!is_none(s->listen)) {
		int rc = check_addresses(s->listen, err);
		return rc == HSW_OK ? check_twice(s->listen, NULL, NULL, err) : rc;
	}
	if (s->listen[1] != NULL)
		return err_set(err, HSW_EINVAL, "found none beside an address");
	if (s->listen_tls == NULL)
		return err_set(err, HSW_EINVAL, "found none, but there is no listen_tls either");
	return HSW_OK;
}

static int
check_mode(struct server_conf *s, struct hsw_error *err)
{
	char *end = NULL;

	if (s->listen_mode_text == NULL)
		return HSW_OK;
	unsigned long mode = strtoul(s->listen_mode_text, &end, 8);
	s->listen_mode = (unsigned)mode & 0777;
	if (end != s->listen_mode_text && *end == '\0' && *s->listen_mode_text != '-' &&
		mode <= 0777)
		return HSW_OK;
	return err_set(err, HSW_EINVAL, "found `%.40s`, expected an octal file mode such as 0660",
		s->listen_mode_text);
}

static int
check_proxies(struct server_conf *s, struct hsw_error *err)
{
	size_t n = 0;

	while (s->trusted_proxies != NULL && s->trusted_proxies[n] != NULL)
		n++;
	if (n == 0)
		return HSW_OK;
	s->proxies = calloc(n, sizeof(s->proxies[0]));
	if (s->proxies == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	for (; s->n_proxies < n; s->n_proxies++) {
		const char *text = s->trusted_proxies[s->n_proxies];
		if (!network_parse(text, &s->proxies[s->n_proxies]))
			return err_set(err, HSW_EINVAL,
				"found `%.60s`, expected addresses, networks such as 10.0.0.0/8, "
				"or "
				"unix",
				text);
	}
	return HSW_OK;
}

static int
check_pair(struct server_conf *s, struct hsw_error *err)
{
	if (s->listen_tls == NULL)
		return HSW_OK;
	if (s->tls_cert == NULL || s->tls_key == NULL)
		return err_set(err, HSW_EINVAL, "needs tls_cert and tls_key");
	int rc = check_addresses(s->listen_tls, err);
	return rc == HSW_OK ? check_twice(s->listen_tls, s->listen, "listen", err) : rc;
}

static int
check_use(const struct server_conf *s, const char *path, struct hsw_error *err)
{
	return path == NULL || s->listen_tls != NULL
		? HSW_OK
		: err_set(err, HSW_EINVAL, "has no meaning without listen_tls");
}

static int
check_cert(struct server_conf *s, struct hsw_error *err)
{
	return check_use(s, s->tls_cert, err);
}

static int
check_key(struct server_conf *s, struct hsw_error *err)
{
	return check_use(s, s->tls_key, err);
}

static int
check_files(struct server_conf *s, struct hsw_error *err)
{
	if (s->tls_cert == NULL || s->tls_key == NULL)
		return HSW_OK;
	struct tls *tls = tls_open(s->tls_cert, s->tls_key, err);
	tls_unref(tls);
	return tls != NULL ? HSW_OK : HSW_EINVAL;
}

/* What is wrong with a pair begins with the path of the file that is. */
static bool
is_about(const struct hsw_error *err, const char *path)
{
	size_t n = path != NULL ? strlen(path) : 0;

	return n > 0 && strncmp(err->text, path, n) == 0 && err->text[n] == ':';
}

void
config_listen_check(struct server_conf *s, bool with_files,
	void (*fail)(void *arg, const char *key, const char *why), void *arg)
{
	static const struct {
		const char *key;
		int (*check)(struct server_conf *, struct hsw_error *);
		bool reads_files;
	} checks[] = {
		{ "listen", check_listen, false },
		{ "listen_tls", check_pair, false },
		{ "listen_mode", check_mode, false },
		{ "trusted_proxies", check_proxies, false },
		{ "tls_cert", check_cert, false },
		{ "tls_key", check_key, false },
		{ "tls_cert", check_files, true },
	};

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		struct hsw_error err = { "" };
		if ((with_files || !checks[i].reads_files) && checks[i].check(s, &err) != HSW_OK)
			fail(arg, is_about(&err, s->tls_key) ? "tls_key" : checks[i].key, err.text);
	}
}

void
config_listen_fini(struct server_conf *s)
{
	free(s->proxies);
	s->proxies = NULL;
	s->n_proxies = 0;
}

char *
config_listen_url(const struct server_conf *s)
{
	bool is_tls = is_none(s->listen) && s->listen_tls != NULL;
	const char *address = is_tls ? s->listen_tls[0] : s->listen[0];
	char *url = NULL;

	if (config_listen_is_unix(address))
		address = "localhost";
	return asprintf(&url, "%s://%s", is_tls ? "https" : "http", address) >= 0 ? url : NULL;
}
