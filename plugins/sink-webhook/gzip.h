/* SPDX-License-Identifier: Apache-2.0 */
/* gzip.h - bodies as gzip (RFC 1952). */
#ifndef GZIP_H
#define GZIP_H

#include "pieces.h"

struct gzip;

struct gzip *gzip_new(void);   /* NULL: out of memory */
void gzip_free(struct gzip *); /* NULL is allowed */
/* Compresses what the pieces hold; *out is to be freed. false: out of memory. */
bool gzip_pack(struct gzip *, const struct pieces *, char **out, size_t *len);

#endif
