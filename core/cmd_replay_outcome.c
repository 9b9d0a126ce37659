/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_replay_outcome.c - see cmd_replay_outcome.h. */
#include "cmd_replay_outcome.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "clock.h"
#include "err.h"
#include "json_text.h"

#define ASKED_AT_ONCE 1000 /* events; the daemon's bound */
#define LOOK_AGAIN_US 100000
#define STUCK_MS 120000 /* nothing was tried for so long: it is not waited for */

/* A list of the daemon's answer, and what is added to it. */
struct look {
	int64_t *open;
	size_t n, untried;
	int64_t dead;
};

int
outcome_add(struct outcome *o, struct json_object *seqs)
{
	size_t n = seqs != NULL ? json_object_array_length(seqs) : 0;

	for (size_t i = 0; i < n; i++) {
		int64_t seq = json_object_get_int64(json_object_array_get_idx(seqs, i));
		if (seq_list_add(&o->open, seq) != HSW_OK)
			return HSW_ENOMEM;
	}
	o->untried += n;
	o->given += (int64_t)n;
	return HSW_OK;
}

static size_t
keep(struct look *look, struct json_object *list)
{
	size_t n = list != NULL ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n; i++)
		look->open[look->n++] = json_object_get_int64(json_object_array_get_idx(list, i));
	return n;
}

static int
read_answer(struct outcome *o, const struct buf *answer, struct look *look)
{
	struct json_object *root = json_text_parse(str_of_buf(answer));
	struct json_object *state = NULL;
	int rc = HSW_EIO;

	if (json_object_object_get_ex(root, "state", &state)) {
		snprintf(o->state, sizeof(o->state), "%s", json_object_get_string(state));
		look->dead += json_object_get_int64(json_object_object_get(root, "dead"));
		look->untried += keep(look, json_object_object_get(root, "untried"));
		keep(look, json_object_object_get(root, "retrying"));
		rc = HSW_OK;
	}
	json_object_put(root);
	return rc;
}

/* look->open may be that of o: what is written lies before what is read. */
static int
ask(struct outcome *o, size_t from, size_t n, struct look *look, struct hsw_error *err)
{
	struct buf target = BUF_INIT, body = BUF_INIT, answer = BUF_INIT;

	buf_str(&target, "/replay/outcome?sink=");
	client_escape(&target, o->sink);
	buf_append(&target, "", 1);
	buf_printf(&body, "{\"since\":%" PRId64 ",\"seqs\":[", o->since_ms);
	for (size_t i = from; i < from + n; i++)
		buf_printf(&body, "%s%" PRId64, i > from ? "," : "", o->open.seqs[i]);
	buf_str(&body, "]}");
	int rc = target.failed || body.failed
		? err_set(err, HSW_ENOMEM, "out of memory")
		: client_send(o->socket_path, "POST", target.data,
			  (struct hsw_str){ body.data, body.len }, CLIENT_TIMEOUT_S, &answer, err);
	if (rc == HSW_OK && read_answer(o, &answer, look) != HSW_OK)
		rc = err_set(err, HSW_EIO, "the daemon's answer is not what was expected");
	buf_free(&target);
	buf_free(&body);
	buf_free(&answer);
	return rc;
}

int
outcome_look(struct outcome *o, struct hsw_error *err)
{
	struct look look = { .open = o->open.seqs };
	size_t from = 0, n;
	int rc;

	do {
		n = o->open.n - from < ASKED_AT_ONCE ? o->open.n - from : ASKED_AT_ONCE;
		rc = ask(o, from, n, &look, err);
		from += n;
	} while (rc == HSW_OK && from < o->open.n);
	if (rc != HSW_OK)
		return rc;
	o->dead += look.dead;
	o->open.n = look.n;
	o->untried = look.untried;
	return HSW_OK;
}

bool
outcome_is_disabled(const struct outcome *o)
{
	return strcmp(o->state, "disabled") == 0;
}

bool
outcome_is_held(const struct outcome *o)
{
	return strcmp(o->state, "held") == 0;
}

int
outcome_wait(struct outcome *o, struct hsw_error *err)
{
	int64_t changed_ms = clock_mono_ms();
	size_t before = o->open.n;
	int rc;

	for (;;) {
		rc = outcome_look(o, err);
		int64_t now = clock_mono_ms();
		if (o->untried != before) {
			before = o->untried;
			changed_ms = now;
		}
		if (rc != HSW_OK || o->untried == 0 || outcome_is_disabled(o) ||
			outcome_is_held(o) || now - changed_ms > STUCK_MS)
			return rc;
		usleep(LOOK_AGAIN_US);
	}
}

bool
outcome_print(const struct outcome *o)
{
	int64_t waiting = (int64_t)o->open.n, delivered = o->given - waiting - o->dead;

	if (delivered == o->given) {
		printf("replayed %" PRId64 "\n", delivered);
		return true;
	}
	printf("replayed %" PRId64 " of %" PRId64 ": ", delivered, o->given);
	if (waiting > 0)
		printf("%" PRId64 " in retry (%zu not tried yet)%s", waiting, o->untried,
			o->dead > 0 ? ", " : "");
	if (o->dead > 0)
		printf("%" PRId64 " failed and are dead letters", o->dead);
	putchar('\n');
	if (outcome_is_disabled(o))
		fprintf(stderr,
			"hookswitch: %s is disabled; after `hookswitch enable %s` they are "
			"delivered\n",
			o->sink, o->sink);
	else if (outcome_is_held(o))
		fprintf(stderr,
			"hookswitch: the circuit of %s is open; they are delivered once it "
			"answers\n",
			o->sink);
	return false;
}

void
outcome_free(struct outcome *o)
{
	free(o->open.seqs);
}
