/* SPDX-License-Identifier: Apache-2.0 */
/* camel.c - keys of WhatsApp's nodes as Go spells them (stanzaID, URL) in JavaScript's spelling (stanzaId, url). */
#include <hookswitch/canon_content.h>

#include <stdlib.h>
#include <string.h>

#define KEY_MAX 128 /* bytes, with a NUL; a longer key stays as it is */

static bool
is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool
is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

/* Of capitals in a row, the first of the key and all that follow one are lowered, but for the one that begins
 * the next word: JPEGThumbnail, fileSHA256. */
static const char *
respell(const char *key, char out[KEY_MAX])
{
	size_t n = strlen(key);

	if (n >= KEY_MAX)
		return key;
	for (size_t i = 0; i < n; i++) {
		bool follows = i == 0 || is_upper(key[i - 1]);
		bool begins_word = i > 0 && is_lower(key[i + 1]);
		bool is_lowered = is_upper(key[i]) && follows && !begins_word;
		out[i] = (char)(is_lowered ? key[i] + 32 : key[i]);
	}
	out[n] = '\0';
	return out;
}

static struct json_object *
camel_array(struct json_object *list)
{
	struct json_object *out = json_object_new_array();

	for (size_t i = 0; out != NULL && i < json_object_array_length(list); i++) {
		struct json_object *one = canon_camel(json_object_array_get_idx(list, i));
		if (json_object_array_add(out, one) != 0) {
			json_object_put(one);
			json_object_put(out);
			return NULL;
		}
	}
	return out;
}

static struct json_object *
camel_object(struct json_object *o)
{
	struct json_object *out = json_object_new_object();
	char key[KEY_MAX];

	if (out == NULL)
		return NULL;
	json_object_object_foreach(o, name, value)
	{
		struct json_object *one = canon_camel(value);
		if (json_object_object_add(out, respell(name, key), one) != 0) {
			json_object_put(one);
			json_object_put(out);
			return NULL;
		}
	}
	return out;
}

struct json_object *
canon_camel(struct json_object *o)
{
	switch (json_object_get_type(o)) {
	case json_type_object:
		return camel_object(o);
	case json_type_array:
		return camel_array(o);
	default:
		return json_object_get(o);
	}
}
