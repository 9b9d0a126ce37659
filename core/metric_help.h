/* SPDX-License-Identifier: Apache-2.0 */
/* metric_help.h - what each metric is, in a line for those who read /metrics. */
#ifndef METRIC_HELP_H
#define METRIC_HELP_H

#include <stddef.h>

/* Of the metric whose name has len bytes; without backslash and line feed. Never NULL. */
const char *metric_help(const char *name, size_t len);

#endif
