/* SPDX-License-Identifier: Apache-2.0 */
/* origin.h - origins of web pages as browsers write them: scheme://host[:port] (RFC 6454 section 6.2). */
#ifndef ORIGIN_H
#define ORIGIN_H

/* Why no browser would send this as its Origin, for people, such as "an origin has no path, not even /"; NULL: one
 * may. The text is static. */
const char *origin_problem(const char *text);

#endif
