/* SPDX-License-Identifier: Apache-2.0 */
/*
 * array.c - arrays as parameters, in PostgreSQL's binary form.
 *
 *	array: dimensions (1) | has NULLs (0) | type of the elements | how many | first index (1) | elements
 *	element: length | bytes
 */
#include "postgres.h"

#include <endian.h>
#include <string.h>

static char *
put_number(char *to, uint32_t value)
{
	uint32_t wire = htobe32(value);

	memcpy(to, &wire, sizeof(wire));
	return to + sizeof(wire);
}

char *
array_head(char *to, enum array_of type, size_t n)
{
	to = put_number(to, 1);
	to = put_number(to, 0);
	to = put_number(to, (uint32_t)type);
	to = put_number(to, (uint32_t)n);
	return put_number(to, 1);
}

char *
array_element(char *to, struct hsw_str bytes)
{
	to = put_number(to, (uint32_t)bytes.len);
	if (bytes.len > 0)
		memcpy(to, bytes.s, bytes.len);
	return to + bytes.len;
}
