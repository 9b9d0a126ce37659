/* SPDX-License-Identifier: Apache-2.0 */
/* signing.h - what the core says about keys that sign webhooks, before a sink has them. */
#ifndef SIGNING_H
#define SIGNING_H

#include <hookswitch/plugin.h>

/* Whether the secret is a key of Standard Webhooks as sink-webhook takes it: "whsec_" and base64 of 24
 * to 64 bytes, or a text of so many. name: what it is called, which err begins with; the secret is not
 * in it. Of any thread. */
int signing_check(const char *name, const char *secret, struct hsw_error *err);

#endif
