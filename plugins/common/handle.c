/* SPDX-License-Identifier: Apache-2.0 */
/* handle.c - see handle.h. */
#include "handle.h"

#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX 64 /* of the JSON */

int
handle_open(const struct hsw_host *host, struct hsw_handle *of, const void *conf, void **self,
	struct hsw_error *err)
{
	struct handle *h = calloc(1, sizeof(*h));

	(void)host;
	(void)of;
	if (h == NULL || (h->tokener = cj_tokener_new(DEPTH_MAX)) == NULL) {
		free(h);
		snprintf(err->text, sizeof(err->text), "out of memory");
		return HSW_ENOMEM;
	}
	h->conf = conf;
	*self = h;
	return HSW_OK;
}

void
handle_close(void *self)
{
	struct handle *h = self;

	json_tokener_free(h->tokener);
	canon_free(&h->canon);
	free(h);
}
