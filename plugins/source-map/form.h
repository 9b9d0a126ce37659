/* SPDX-License-Identifier: Apache-2.0 */
/* form.h - application/x-www-form-urlencoded, as WHATWG's URL standard reads it; a % without two hex digits is
 * an error here. */
#ifndef MAP_FORM_H
#define MAP_FORM_H

#include <hookswitch/plugin.h>

struct form_field {
	struct hsw_str name, value; /* decoded; bytes of any kind */
};

struct form {
	char *bytes; /* what the fields point into */
	struct form_field *fields;
	size_t n;
};

/* HSW_OK; HSW_EINVAL: err says at which byte; HSW_ENOMEM. form_free in any case. */
int form_read(struct form *, struct hsw_str body, struct hsw_error *err)
	__attribute__((warn_unused_result));
void form_free(struct form *);

#endif
