/* SPDX-License-Identifier: Apache-2.0 */
/* change_impl.h - what change.c and change_again.c share. Store thread. */
#ifndef CHANGE_IMPL_H
#define CHANGE_IMPL_H

#include "change.h"

struct change_step {
	struct change_step *next;
	struct webhook_section *section; /* NULL: remove, or it was handed over */
	int64_t cursor;
	bool is_put, is_missed; /* missed: the destination was not open here */
	char name[];
};

void change_free_steps(struct change *);
void change_free_ended(struct change *);
/* The queue's first one, if there is one. */
void change_begin_next(struct change_queue *, const struct store_port *);

/* Has it applied once more, on settings that are read again, where that may change what came of it; no other change of
 * this node comes between. is_stored: something was stored. false: what came of it counts. */
bool change_make_again(struct change *, bool is_stored, const struct store_port *);
/* It was refused: what it and the tries before attached is forgotten, unless a webhook has it by now. */
void change_give_up(struct change *, const struct store_port *);

#endif
