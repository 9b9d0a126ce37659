/* SPDX-License-Identifier: Apache-2.0 */
/* header_list.c - see header_list.h. */
#include "header_list.h"

#include <string.h>

struct hsw_str
header_list_trim(struct hsw_str s, const char *away)
{
	while (s.len > 0 && strchr(away, s.s[0]) != NULL) {
		s.s++;
		s.len--;
	}
	while (s.len > 0 && strchr(away, s.s[s.len - 1]) != NULL)
		s.len--;
	return s;
}

bool
header_list_take_last(struct hsw_str *list, struct hsw_str *last)
{
	if (list->len == 0)
		return false;
	const char *comma = memrchr(list->s, ',', list->len);
	size_t at = comma != NULL ? (size_t)(comma - list->s) + 1 : 0;
	*last = header_list_trim((struct hsw_str){ list->s + at, list->len - at }, " \t");
	list->len = comma != NULL ? at - 1 : 0;
	return true;
}
