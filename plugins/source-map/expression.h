/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expression.h - which jq expressions a map may have: closed ones, without what reaches outside the event
 * (environment, time, files), and without what could crash or flood the process where no budget reaches.
 * What is wrong beyond that is for jq to say.
 */
#ifndef MAP_EXPRESSION_H
#define MAP_EXPRESSION_H

#include <stdbool.h>

#include <hookswitch/plugin.h>

/* false: err says why not. */
bool expression_is_allowed(const char *expression, struct hsw_error *err);

#endif
