/* SPDX-License-Identifier: Apache-2.0 */
/* webhook_rig.h - sink-webhook and a receiver on the loopback that behaves as the path says. */
#ifndef WEBHOOK_RIG_H
#define WEBHOOK_RIG_H

#include <hookswitch/harness.h>
#include "http_server.h"

/* "/hang", "/500", "/garbage", ...; every other path gets 200. */
extern const struct http_rule rules[];
extern struct http_server *server;

#define ANSWER(status, more) "HTTP/1.1 " status "\r\nContent-Length: 0\r\n" more "\r\n"

void webhook_rig_setup(void);
void webhook_rig_teardown(void);

/* Both are good for four uses. The folder may have ca.pem, cert.pem, key.pem and other.pem. */
const char *url_of(const struct http_server *, const char *scheme, const char *path);
const char *in_folder(const char *name);
/* Then "key", "value", ..., NULL. */
#define OPEN_URL(url, ...) open_sink((const char *const[]){ "url", url, __VA_ARGS__ })
#define OPEN(path, ...) OPEN_URL(url_of(server, "http", path), __VA_ARGS__)
struct hsw_handle *open_sink(const char *const *options);
struct hsw_delivery *put(struct hsw_handle *);
/* One delivery to a handle of its own; key may be NULL. */
struct fake_result result_at(const char *url, const char *key, const char *value);
/* Run the loop until the server has so many connections open, or got so many requests. */
void wait_open(struct hsw_handle *, unsigned n);
void wait_requests(struct hsw_handle *, unsigned n);

#endif
