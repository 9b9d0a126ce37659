/* SPDX-License-Identifier: Apache-2.0 */
/* text.h - an event as one line of key=value pairs (logfmt), for people and simple tools. */
#ifndef TEXT_H
#define TEXT_H

#include "message.h"

/*
 * Writes the members of the event's `data`, those of objects with a dot, those of arrays with a
 * number: chat.jid=... message.content="Good morning". with_names: instance, event,
 * event_id and chat first. Nulls and empty strings are left out.
 */
void text_write(struct buffer *, const struct message_event *, bool with_names);

#endif
