/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expression.h - which jq expressions a plugin takes: closed ones, without what reaches outside the event
 * (environment, time, files), and without what could crash or flood the process where no budget reaches.
 * What is wrong beyond that is for jq to say.
 */
#ifndef COMMON_EXPRESSION_H
#define COMMON_EXPRESSION_H

#include <stdbool.h>

#include <jq.h>

#include <hookswitch/plugin.h>

/* false: err says why not. is_assigning: whether it may assign (=, |=, +=, ...). */
bool expression_is_allowed(const char *expression, bool is_assigning, struct hsw_error *err);

/* What every expression can use; to be put before it, in one line. */
extern const char expression_prelude[];
/* NULL: err has the first thing that jq says about it, for expression_explain. */
jq_state *expression_compile(const char *text, struct hsw_error *err);
/* Leaves of the message what is of use to a person. The line of the expression that it is about; that is the last
 * thing in the text, and has a line's end and a bracket behind it. */
int expression_explain(struct hsw_error *err, const char *expression);

#endif
