/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip.h - compresses a file beside itself.
 *
 * Whatever happens in between, either the file is there or the whole path.gz is: that one is made
 * under another name, synced, and renamed before the file goes.
 */
#ifndef GZIP_H
#define GZIP_H

#include <stdatomic.h>
#include <stdbool.h>

/* Makes path.gz of path, with its owner, permissions and times, and deletes path. 0 or an errno;
 * EWOULDBLOCK: somebody has locked it; ECANCELED: *stop became true. */
int gzip_file(const char *path, const atomic_bool *stop);

#endif
