/* SPDX-License-Identifier: Apache-2.0 */
/* header_list.h - headers whose value is a list with commas (RFC 9110 section 5.6.1). Any thread. */
#ifndef HEADER_LIST_H
#define HEADER_LIST_H

#include <stdbool.h>

#include "buf.h"

/* Without those of the characters `away` that it begins and ends with. */
struct hsw_str header_list_trim(struct hsw_str, const char *away);
/* Takes the last element off, without the white space around it; false: the list is empty. */
bool header_list_take_last(struct hsw_str *list, struct hsw_str *last);

#endif
