/* SPDX-License-Identifier: Apache-2.0 */
/* json_text.c - see json_text.h. */
#include "json_text.h"

#define DEPTH_MAX 256 /* sources read 64, and an envelope is a little deeper */

struct json_object *
json_text_parse(struct hsw_str text)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	struct json_object *root = NULL;

	if (tokener == NULL)
		return NULL;
	if (text.len > 0)
		root = json_tokener_parse_ex(tokener, text.s, (int)text.len);
	json_tokener_free(tokener);
	return root;
}
