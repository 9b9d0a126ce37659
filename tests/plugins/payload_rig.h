/* SPDX-License-Identifier: Apache-2.0 */
/* payload_rig.h - sink-webhook with a receiver behind each of its two ways to send: http and https. */
#ifndef PAYLOAD_RIG_H
#define PAYLOAD_RIG_H

#include "webhook_rig.h"

/* For UNIT_MAIN_WITH; `server` is there too. */
void payload_rig_setup(void);
void payload_rig_teardown(void);

enum { WAYS = 2 };
/* The server of a way: 0 http, 1 https. */
struct http_server *way_server(int way);
/* Opens the sink for that way, at "/" or that path; then "key", "value", ..., NULL. */
#define OPEN_WAY(way, ...) OPEN_WAY_AT(way, "/", __VA_ARGS__)
#define OPEN_WAY_AT(way, path, ...) open_way(way, path, (const char *const[]){ __VA_ARGS__ })
struct hsw_handle *open_way(int way, const char *path, const char *const *options);
/* The last request that the way's server got. */
const struct http_request *last_request(int way);

#endif
