/* SPDX-License-Identifier: Apache-2.0 */
/* api.c - see api.h. */
#include "api.h"

#include "api_ws.h"
#include "control.h"
#include "ops.h"

static bool
is_below(struct hsw_str path, const char *prefix)
{
	size_t n = strlen(prefix);
	return path.len > n && memcmp(path.s, prefix, n) == 0;
}

void
api_handle(struct worker *w, struct http_request *r)
{
	if (is_below(r->path, "/in/")) {
		ingress_handle(w->ingress, r);
		return;
	}
	if (is_below(r->path, API_WS_PREFIX)) {
		api_ws_handle(w, r);
		return;
	}
	if (ops_handle(w, r) || (r->is_control && control_handle(w, r)))
		return;
	http_reply_error(r, 404, "", "Not found");
}
