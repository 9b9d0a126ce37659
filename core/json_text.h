/* SPDX-License-Identifier: Apache-2.0 */
/* json_text.h - JSON that is whole in memory, as json-c's objects. */
#ifndef JSON_TEXT_H
#define JSON_TEXT_H

#include <json.h>

#include "buf.h"

/* What the text begins with, which is the caller's. NULL: it is no JSON, or out of memory. */
struct json_object *json_text_parse(struct hsw_str text);

#endif
