/* SPDX-License-Identifier: Apache-2.0 */
/* canon_rig.h - a canon for one test, and what it emitted last. */
#ifndef CANON_RIG_H
#define CANON_RIG_H

#include <string.h>

#include <hookswitch/canon.h>

#define RECEIVED 1795239228123

struct hsw_emit {
	char text[4096];  /* data with all parts */
	char least[4096]; /* and with none */
	char identity[512], type[32], key[HSW_JID_MAX], instance[64];
	size_t identity_len, n; /* n: events so far */
};

extern struct hsw_canon canon;
extern struct hsw_request canon_request; /* that it was started with */
extern struct hsw_emit out;

void canon_setup(void);
void canon_teardown(void);

struct hsw_str str(const char *);
/* An emit function that writes into a struct hsw_emit. */
int canon_collect(struct hsw_emit *, const struct hsw_event *);
/* Emits into out, which must do. */
void canon_finish(void);
/* Writes and emits {"k":s}; the text must be this one. */
void canon_assert_string(struct hsw_str s, const char *expected);

#endif
