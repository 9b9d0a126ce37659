/* SPDX-License-Identifier: Apache-2.0 */
/* gzip.c - see gzip.h. */
#include "gzip.h"

#include <limits.h>
#include <stdlib.h>

#include <zlib.h>

#define GZIP_WINDOW (15 + 16) /* 32 KiB, with gzip's header */
#define MEMORY_LEVEL 8        /* zlib's own default */
/* JSON gets hardly smaller beyond, and a worker's other deliveries wait for it. */
#define LEVEL 3

struct gzip {
	z_stream stream;
};

struct gzip *
gzip_new(void)
{
	struct gzip *z = calloc(1, sizeof(*z));

	if (z != NULL &&
		deflateInit2(&z->stream, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL,
			Z_DEFAULT_STRATEGY) == Z_OK)
		return z;
	free(z);
	return NULL;
}

void
gzip_free(struct gzip *z)
{
	if (z == NULL)
		return;
	deflateEnd(&z->stream);
	free(z);
}

/* The stream's counters are 32 bits wide: one bite at a time. There is always room enough. */
static void
pack_piece(z_stream *stream, const struct iovec *iov)
{
	unsigned char *at = iov->iov_base;
	size_t left = iov->iov_len;

	while (left > 0) {
		uInt bite = left < UINT_MAX / 4 ? (uInt)left : UINT_MAX / 4;
		stream->next_in = at;
		stream->avail_in = bite;
		deflate(stream, Z_NO_FLUSH);
		at += bite;
		left -= bite;
	}
}

bool
gzip_pack(struct gzip *z, const struct pieces *p, char **out, size_t *len)
{
	deflateReset(&z->stream);
	size_t room = deflateBound(&z->stream, p->len);
	char *bytes = room < UINT_MAX ? malloc(room) : NULL;
	if (bytes == NULL)
		return false;
	z->stream.next_out = (unsigned char *)bytes;
	z->stream.avail_out = (uInt)room;
	for (size_t i = 0; i < p->n; i++)
		pack_piece(&z->stream, &p->iov[i]);
	if (deflate(&z->stream, Z_FINISH) != Z_STREAM_END) {
		free(bytes);
		return false;
	}
	*out = bytes;
	*len = room - z->stream.avail_out;
	return true;
}
