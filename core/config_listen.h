/* SPDX-License-Identifier: Apache-2.0 */
/* config_listen.h - checks of what [server] says about listening. */
#ifndef CONFIG_LISTEN_H
#define CONFIG_LISTEN_H

#include "config.h"

#define CONFIG_LISTEN_UNIX "unix:" /* before the path of a socket */
#define CONFIG_HOST_SIZE 256

/* Parses listen_mode and trusted_proxies and checks that the options fit together; with_files: the
 * certificate and its key, too. Calls fail for each key that is wrong. */
void config_listen_check(struct server_conf *, bool with_files,
	void (*fail)(void *arg, const char *key, const char *why), void *arg);
/* Frees what was parsed. */
void config_listen_fini(struct server_conf *);
/* Whether the address is the path of a unix socket, behind CONFIG_LISTEN_UNIX. */
bool config_listen_is_unix(const char *address);
/* "[::1]:8080" and "host:8080" into host (CONFIG_HOST_SIZE is enough for what was checked) and port, which points into
 * the address; false: neither. */
bool config_listen_split(const char *address, char *host, size_t size, const char **port);
/* "http://" or "https://" and the first address, for base_url; to be freed. NULL: out of memory. */
char *config_listen_url(const struct server_conf *);

#endif
