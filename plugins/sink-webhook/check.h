/* SPDX-License-Identifier: Apache-2.0 */
/* check.h - whether the options of a section, or of a webhook of the API, can be used. */
#ifndef CHECK_H
#define CHECK_H

#include <hookswitch/plugin.h>

/* As hsw_sink_ops.check and check_each. */
int check_first(const void *webhook_conf, struct hsw_error *err);
void check_each(const void *webhook_conf, void (*report)(void *arg, const char *text), void *arg);

#endif
