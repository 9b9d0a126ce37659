/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_replay_outcome.h - what became of the events that `hookswitch replay` gave to a sink. */
#ifndef CMD_REPLAY_OUTCOME_H
#define CMD_REPLAY_OUTCOME_H

#include <stdbool.h>

#include <json.h>

#include "redeliver.h"

struct outcome {
	const char *socket_path, *sink; /* borrowed */
	int64_t since_ms;               /* when the replay began; since 1970 */
	struct seq_list open;           /* events that are not settled, ascending; owned */
	size_t untried;                 /* of them, at the last look */
	int64_t given, dead;
	char state[16]; /* the sink's, such as "active" */
};

/* The sequence numbers of a JSON list are events that were given to the sink. HSW_OK or HSW_ENOMEM. */
int outcome_add(struct outcome *, struct json_object *seqs);
/* Asks the daemon. HSW_OK, or err says why it does not tell. */
int outcome_look(struct outcome *, struct hsw_error *err);
/* Until each event was tried once, or the sink is held or disabled, or nothing happens for long. */
int outcome_wait(struct outcome *, struct hsw_error *err);
/* The command's last line; whether all arrived. */
bool outcome_print(const struct outcome *);
bool outcome_is_disabled(const struct outcome *);
bool outcome_is_held(const struct outcome *);
void outcome_free(struct outcome *);

#endif
