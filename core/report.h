/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - what came of reading the configuration again, for the log and for who asked. Main thread.
 */
#ifndef REPORT_H
#define REPORT_H

#include "buf.h"
#include "config.h"

struct report {
	/* items of JSON lists */
	struct buf now, restart, kept, errors;
	unsigned n_now, n_restart, n_kept, n_errors;
};

/* Makes it empty again. */
void report_clear(struct report *);
/* A difference, with when it takes effect. Logs it. before: what has to be done before a restart, or NULL. */
void report_change(struct report *, const struct config_change *, bool is_now, const char *before);
/* Another file stands in the place of a plugin that is loaded. Logs it. */
void report_replaced(struct report *, const char *path);
/* The file says another WebSocket of that instance, but the API's stays. Logs it. */
void report_kept(struct report *, const char *instance);
/* Something that did not work; whoever finds it logs it. No secrets. */
void report_error(struct report *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* One JSON object, see control.h. Out of memory: out->failed. */
void report_print(const struct report *, struct buf *out);

#endif
