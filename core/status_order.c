/* SPDX-License-Identifier: Apache-2.0 */
/* status_order.c - see status_order.h. */
#include "status_order.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <json.h>
#include <uthash.h>

#include "buf.h"

#define MARKS_FIRST 8

struct message {
	UT_hash_handle hh;
	uint64_t key; /* hash of instance, recipient and id */
	int step;
};

struct status_mark {
	uint64_t key;
	int before, after; /* steps; before = 0: it was not known */
};

struct status_order {
	pthread_mutex_t lock;
	struct message *messages; /* in the order in which they came */
};

/* 0: no step. What we read ourselves is a way of its own. */
static int
step_of(const char *status, uint64_t *way)
{
	static const struct {
		const char *status;
		int step;
		bool is_own;
	} steps[] = { { "sent", 1, false }, { "delivered", 2, false }, { "read", 3, false },
		{ "played", 4, false }, { "read_self", 3, true }, { "played_self", 4, true } };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (strcmp(steps[i].status, status) == 0) {
			*way = steps[i].is_own ? ~HASH_START : HASH_START;
			return steps[i].step;
		}
	}
	return 0;
}

static struct hsw_str
text_of(struct json_object *o)
{
	if (!json_object_is_type(o, json_type_string))
		return (struct hsw_str){ "", 0 };
	return (struct hsw_str){ json_object_get_string(o), (size_t)json_object_get_string_len(o) };
}

/* Without memory for it, it cannot be taken back. */
static void
mark(struct status_marks *marks, uint64_t key, int before, int after)
{
	if (marks->n == marks->cap) {
		size_t cap = marks->cap != 0 ? 2 * marks->cap : MARKS_FIRST;
		struct status_mark *larger = realloc(marks->list, cap * sizeof(larger[0]));
		if (larger == NULL)
			return;
		marks->list = larger;
		marks->cap = cap;
	}
	marks->list[marks->n++] = (struct status_mark){ key, before, after };
}

static struct message *
find(const struct status_order *o, uint64_t key)
{
	struct message *m;

	HASH_FIND(hh, o->messages, &key, sizeof(key), m);
	return m;
}

/* Whether the message has been further; the lock is held. */
static bool
was_further(struct status_order *o, struct status_marks *marks, uint64_t key, int step)
{
	struct message *m = find(o, key);

	if (m != NULL) {
		if (m->step < step) {
			mark(marks, key, m->step, step);
			m->step = step;
		}
		return m->step > step;
	}
	if (HASH_COUNT(o->messages) >= STATUS_MESSAGES_MAX) {
		m = o->messages;
		HASH_DEL(o->messages, m);
	} else if ((m = malloc(sizeof(*m))) == NULL) {
		return false;
	}
	*m = (struct message){ .key = key, .step = step };
	HASH_ADD(hh, o->messages, key, sizeof(m->key), m);
	mark(marks, key, 0, step);
	return false;
}

static bool
is_backwards(struct status_order *o, struct status_marks *marks, struct hsw_str instance,
	struct json_object *data)
{
	struct json_object *ids = json_object_object_get(data, "messageIds");
	const char *status = text_of(json_object_object_get(data, "status")).s;
	uint64_t hash = 0;
	int step = step_of(status, &hash);
	bool all = true;

	if (step == 0 || !json_object_is_type(ids, json_type_array) ||
		json_object_array_length(ids) == 0)
		return false;
	hash = str_hash(str_hash(hash, instance), (struct hsw_str){ "", 1 });
	hash = str_hash(hash, text_of(json_object_object_get(data, "recipient")));
	hash = str_hash(hash, text_of(json_object_object_get(data, "messageSender")));
	pthread_mutex_lock(&o->lock);
	for (size_t i = 0; i < json_object_array_length(ids); i++) {
		uint64_t key = str_hash(str_hash(hash, (struct hsw_str){ "", 1 }),
			text_of(json_object_array_get_idx(ids, i)));
		all &= was_further(o, marks, key, step);
	}
	pthread_mutex_unlock(&o->lock);
	return all;
}

bool
status_order_is_backwards(struct status_order *o, struct status_marks *marks, struct hsw_str instance,
	struct hsw_str data)
{
	struct json_tokener *t = data.len < INT_MAX ? json_tokener_new() : NULL;

	if (t == NULL)
		return false;
	struct json_object *root = json_tokener_parse_ex(t, data.s, (int)data.len);
	bool backwards = json_object_is_type(root, json_type_object) &&
		is_backwards(o, marks, instance, root);
	json_object_put(root);
	json_tokener_free(t);
	return backwards;
}

/* The latest first. What another request has moved on since is its own. */
void
status_order_take_back(struct status_order *o, struct status_marks *marks)
{
	for (size_t i = marks->n; i-- > 0;) {
		const struct status_mark *k = &marks->list[i];
		pthread_mutex_lock(&o->lock);
		struct message *m = find(o, k->key);
		if (m != NULL && m->step == k->after)
			m->step = k->before;
		pthread_mutex_unlock(&o->lock);
	}
	status_marks_free(marks);
}

void
status_marks_free(struct status_marks *marks)
{
	free(marks->list);
	*marks = (struct status_marks){ NULL, 0, 0 };
}

struct status_order *
status_order_new(void)
{
	struct status_order *o = calloc(1, sizeof(*o));

	if (o != NULL)
		pthread_mutex_init(&o->lock, NULL);
	return o;
}

void
status_order_free(struct status_order *o)
{
	struct message *m, *next;

	if (o == NULL)
		return;
	HASH_ITER(hh, o->messages, m, next)
	{
		HASH_DEL(o->messages, m);
		free(m);
	}
	pthread_mutex_destroy(&o->lock);
	free(o);
}
