/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wuzapi.h - what the files of source-wuzapi share; see frame.h for translators. Their payload is whatsmeow's event
 * as Go writes it.
 */
#ifndef SOURCE_WUZAPI_H
#define SOURCE_WUZAPI_H

#include "frame.h"

/* ---- form.c ---- */

/*
 * The JSON of a body: itself, or the member jsonData of a form (urlencoded or multipart). It may be in *buffer,
 * which the caller frees. HSW_EINVAL: a form without one; HSW_ENOMEM; err says which.
 */
int form_json(struct hsw_str body, struct hsw_str *json, char **buffer, struct hsw_error *err);

/* ---- wuzapi.c ---- */

/* Adds a member's identifier. */
void wuzapi_party(struct hsw_party *, struct json_object *o, const char *member);
/* `Timestamp`; 0: there is none, or Go's zero time. */
int64_t wuzapi_time(struct json_object *event);

/* ---- message.c ---- */

int wuzapi_message(struct translation *, struct json_object *event);
int wuzapi_sent_message(struct translation *, struct json_object *event);
int wuzapi_undecryptable(struct translation *, struct json_object *event);

/* ---- event.c ---- */

int wuzapi_receipt(struct translation *, struct json_object *event);

int wuzapi_call_offer(struct translation *, struct json_object *event);
int wuzapi_call_notice(struct translation *, struct json_object *event);
int wuzapi_call_accept(struct translation *, struct json_object *event);
int wuzapi_call_reject(struct translation *, struct json_object *event);
int wuzapi_call_terminate(struct translation *, struct json_object *event);
int wuzapi_call_latency(struct translation *, struct json_object *event);

int wuzapi_label_edit(struct translation *, struct json_object *event);
int wuzapi_label_chat(struct translation *, struct json_object *event);
int wuzapi_label_message(struct translation *, struct json_object *event);

/* ---- group.c ---- */

int wuzapi_group_info(struct translation *, struct json_object *event);
int wuzapi_group_joined(struct translation *, struct json_object *event);
int wuzapi_picture(struct translation *, struct json_object *event);

/* ---- state.c ---- */

/* Whether the event is one of the connection; then *rc is what came of it. */
bool wuzapi_state(struct translation *, struct json_object *event, int *rc);

#endif
