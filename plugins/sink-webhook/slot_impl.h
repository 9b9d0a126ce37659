/* SPDX-License-Identifier: Apache-2.0 */
/* slot_impl.h - what the files of a slot (slot*.c) share. */
#ifndef SLOT_IMPL_H
#define SLOT_IMPL_H

#include "slot.h"

/* ---- slot_body.c ---- */

void item_free(struct item *);
/* Keeps it for later, or frees it. It is on no list. */
void item_give_back(struct webhook *, struct item *);
/* The same for all of a list, which is empty then. */
void items_give_back(struct webhook *, struct item_list *);
/* Those of a slot, which has none then; they are in no slot. */
void items_take(struct slot *, struct item_list *);
/* Makes s->body of the items. HSW_OK or HSW_ENOMEM. */
int slot_compose(struct slot *);

/* ---- slot_lines.c ---- */

/* Of a new slot: the names of its lines. */
void slot_init_lines(struct slot *);
/* Links those that its target wants, and the target's own behind them. */
void slot_link_lines(struct slot *);
/* Writes the values for its items and s->body. HSW_OK, or HSW_EIO: OpenSSL failed. */
int slot_set_lines(struct slot *);
/* "webhook-id: ..." and so on to Content-Length, each line with its end; in s->wire_lines. */
struct hsw_str slot_wire_lines(struct slot *);

/* ---- slot_split.c ---- */

/* Whether its request had several events, and the answer is about what is in them: it cannot tell which. */
bool slot_is_refused_as_batch(const struct slot *, enum hsw_outcome);
/* Sends each event in it alone, and gives it back. Its request has ended. */
void slot_split(struct slot *);

#endif
