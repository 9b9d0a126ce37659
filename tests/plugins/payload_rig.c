/* SPDX-License-Identifier: Apache-2.0 */
/* payload_rig.c - see payload_rig.h. */
#include "payload_rig.h"

#include <check.h>

#include "certs.h"

static struct http_server *secure;
static SSL_CTX *tls;

void
payload_rig_setup(void)
{
	webhook_rig_setup();
	struct cert lone = cert_new("receiver", "IP:127.0.0.1", NULL);
	cert_write(&lone, in_folder("ca.pem"));
	tls = cert_server(&lone, NULL);
	cert_free(&lone);
	secure = http_server_start(rules, tls);
}

void
payload_rig_teardown(void)
{
	http_server_stop(secure);
	SSL_CTX_free(tls);
	webhook_rig_teardown();
}

struct http_server *
way_server(int way)
{
	return way == 0 ? server : secure;
}

struct hsw_handle *
open_way(int way, const char *path, const char *const *options)
{
	const char *all[32] = { "url", url_of(way_server(way), way == 0 ? "http" : "https", path) };
	size_t n = 2;

	if (way != 0) {
		all[n++] = "ca_file";
		all[n++] = in_folder("ca.pem");
	}
	for (; *options != NULL; options++)
		all[n++] = *options;
	ck_assert_uint_lt(n, sizeof(all) / sizeof(all[0]));
	return open_sink(all);
}

const struct http_request *
last_request(int way)
{
	unsigned n = http_server_requests(way_server(way));

	ck_assert_uint_gt(n, 0);
	return http_server_request(way_server(way), n - 1);
}
