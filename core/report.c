/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - see report.h. */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "log.h"

#define ERROR_TEXT_MAX 1024 /* bytes of one error */

void
report_clear(struct report *r)
{
	buf_free(&r->now);
	buf_free(&r->restart);
	buf_free(&r->kept);
	buf_free(&r->errors);
	*r = (struct report){
		.now = BUF_INIT, .restart = BUF_INIT, .kept = BUF_INIT, .errors = BUF_INIT
	};
}

static void
add(struct buf *list, unsigned *n, const char *text)
{
	if ((*n)++ > 0)
		buf_str(list, ",");
	buf_json_cstr(list, text);
}

/* The API may have set what these say. */
static bool
is_websocket_of_instance(const struct config_change *c)
{
	return strcmp(c->kind, "instance") == 0 && c->key != NULL &&
		strncmp(c->key, "websocket", strlen("websocket")) == 0;
}

void
report_change(struct report *r, const struct config_change *c, bool is_now, const char *before)
{
	static const char *const words[] = { "added", "removed", "changed" };
	char text[ERROR_TEXT_MAX];

	snprintf(text, sizeof(text), "[%s%s%s] %s%s%s%s%s%s", c->kind, c->name != NULL ? " " : "",
		c->name != NULL ? c->name : "", c->key != NULL ? c->key : "",
		c->key != NULL ? " " : "", words[c->what], before != NULL ? " (" : "",
		before != NULL ? before : "", before != NULL ? ")" : "");
	log_info("config", "%s: takes effect %s", text,
		!is_now                               ? "with a restart"
			: is_websocket_of_instance(c) ? "now, unless the API has set it"
						      : "now");
	if (is_now)
		add(&r->now, &r->n_now, text);
	else
		add(&r->restart, &r->n_restart, text);
}

void
report_replaced(struct report *r, const char *path)
{
	char text[ERROR_TEXT_MAX];

	snprintf(text, sizeof(text), "%s was replaced", path);
	log_info("config", "%s: takes effect with a restart", text);
	add(&r->restart, &r->n_restart, text);
}

void
report_kept(struct report *r, const char *instance)
{
	char text[ERROR_TEXT_MAX];

	snprintf(text, sizeof(text), "[instance %s] websocket: the API's setting stays", instance);
	log_info("config", "%s", text);
	add(&r->kept, &r->n_kept, text);
}

void
report_error(struct report *r, const char *fmt, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	add(&r->errors, &r->n_errors, text);
}

static void
print_list(struct buf *out, const char *name, const struct buf *list)
{
	buf_printf(out, ",\"%s\":[", name);
	if (list->len > 0)
		buf_append(out, list->data, list->len);
	buf_str(out, "]");
	out->failed |= list->failed;
}

void
report_print(const struct report *r, struct buf *out)
{
	buf_printf(out, "{\"success\":%s", r->n_errors == 0 ? "true" : "false");
	print_list(out, "changed", &r->now);
	print_list(out, "restartNeeded", &r->restart);
	print_list(out, "kept", &r->kept);
	print_list(out, "errors", &r->errors);
	buf_str(out, "}");
}
