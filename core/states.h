/* SPDX-License-Identifier: Apache-2.0 */
/*
 * states.h - what was last seen of an instance, its state and its number, outlives the process: providers tell
 * of changes only. One record of the store has it, which is written when one of both changed, read with the
 * settings (settings_load.c), also where another node wrote it, and deleted with the instance.
 */
#ifndef STATES_H
#define STATES_H

#include "journal.h"

/* The event, an instance.state of that instance, was stored and is new. port: the worker's. true: what it
 * changed is on its way to the store, and done comes on this worker when it is there, or cannot be, which the
 * store has complained of. false: nothing has to be waited for. Worker. */
bool states_note(struct journal *, unsigned port, struct instance *, const struct hsw_envelope *,
	void (*done)(void *arg), void *arg);

#endif
