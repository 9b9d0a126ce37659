/* SPDX-License-Identifier: Apache-2.0 */
/* event_line.h - an envelope as one line for people. */
#ifndef EVENT_LINE_H
#define EVENT_LINE_H

#include <json.h>

#include "buf.h"

/*
 * Appends "12:30:00 sales message.exchange < Ana: hello\n", the time local. Whatever the text is, nothing of
 * it reaches a terminal as a control character.
 */
void event_line(struct buf *, struct json_object *envelope, bool with_colour);

#endif
