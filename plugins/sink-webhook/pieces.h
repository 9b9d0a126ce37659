/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pieces.h - bytes that lie in several places, to be sent in order. What the pieces point to is the
 * caller's: nothing is copied.
 */
#ifndef PIECES_H
#define PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

/* All zero: none. */
struct pieces {
	struct iovec *iov;
	size_t n, room;
	size_t len; /* bytes in all */
};

void pieces_free(struct pieces *);
/* Forgets the pieces and keeps the room. */
void pieces_clear(struct pieces *);
/* All return false when memory is out. */
bool pieces_add(struct pieces *, const void *bytes, size_t len);
bool pieces_add_all(struct pieces *, const struct pieces *more);
/* The bytes from..to of what the other ones hold. */
bool pieces_add_slice(struct pieces *, const struct pieces *of, size_t from, size_t to);
/* Room for n more, behind those there are; pieces_take then says how many were filled. */
struct iovec *pieces_room(struct pieces *, size_t n);
void pieces_take(struct pieces *, size_t n);

/*
 * Where the value of a member of the JSON object lies that the pieces hold. false: it has none of that
 * name (which must be one without escapes), or is no object.
 */
bool pieces_find(const struct pieces *, const char *member, size_t *from, size_t *to);

#endif
