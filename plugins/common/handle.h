/* SPDX-License-Identifier: Apache-2.0 */
/* handle.h - the handle of a source that keeps nothing from request to request but its tools. */
#ifndef COMMON_HANDLE_H
#define COMMON_HANDLE_H

#include <hookswitch/canon_json.h>

struct handle {
	const void *conf;
	struct json_tokener *tokener;
	struct hsw_canon canon;
};

/* As in struct hsw_source_ops; self is a struct handle. */
int handle_open(const struct hsw_host *, struct hsw_handle *, const void *conf, void **self,
	struct hsw_error *);
void handle_close(void *self);

#endif
