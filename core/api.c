/* SPDX-License-Identifier: Apache-2.0 */
/* api.c - see api.h. */
#include "api.h"

#include "control.h"
#include "ops.h"

void
api_handle(struct worker *w, struct http_request *r)
{
	static const char ingest[] = "/in/";

	if (r->path.len > sizeof(ingest) - 1 &&
		memcmp(r->path.s, ingest, sizeof(ingest) - 1) == 0) {
		ingress_handle(w->ingress, r);
		return;
	}
	if (ops_handle(w, r) || (r->is_control && control_handle(w, r)))
		return;
	http_reply_error(r, 404, "", "Not found");
}
