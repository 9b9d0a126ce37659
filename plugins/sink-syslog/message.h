/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.h - an event as a syslog message: RFC 5424 with structured data, or RFC 3164.
 *
 * A message has at most max_bytes; what is longer ends with " [N bytes cut]". It has no control
 * characters and no newline.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdbool.h>
#include <sys/uio.h>

#include "buffer.h"
#include "priority.h"

enum message_format { MESSAGE_RFC5424, MESSAGE_RFC3164 };
enum message_body { MESSAGE_JSON, MESSAGE_TEXT };

struct message_settings {
	enum message_format format;
	enum message_body body;
	bool is_local; /* on a local socket, where RFC 3164 has no host name, as syslog(3) writes */
	const char *app_name, *hostname, *sd_id; /* borrowed */
	size_t max_bytes;
};

/* All borrowed. */
struct message_event {
	int priority;
	int64_t time_ms; /* since 1970 */
	struct hsw_str id, type, instance, chat;
	const struct iovec *json;
	int json_count;
};

/* Writes the message behind what is in the buffer. False: out of memory. *cut: the bytes left out. */
bool message_write(struct buffer *, const struct message_settings *, const struct message_event *,
	size_t *cut);

/* Copies the characters of text that a header field may have (RFC 5424 section 6: visible ASCII),
 * with _ for others; size includes the NUL. An empty text becomes "-". */
void message_name(const char *text, char *to, size_t size);
/* Whether the text is such a field, of at most max characters. */
bool message_is_name(const char *text, size_t max);
/* Whether the text is an SD-ID of its owner: name@number (RFC 5424 section 6.3.2). */
bool message_is_sd_id(const char *text);

#endif
