/* SPDX-License-Identifier: Apache-2.0 */
/* json_text.c - see json_text.h. */
#include "json_text.h"

struct json_object *
json_text_parse(struct hsw_str text)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *root = tokener != NULL && text.len > 0
		? json_tokener_parse_ex(tokener, text.s, (int)text.len)
		: NULL;

	json_tokener_free(tokener);
	return root;
}
