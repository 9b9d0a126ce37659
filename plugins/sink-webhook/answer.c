/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer.c - reading answers, bounded, and judging them.
 *
 * Texts are for people and end up in logs and tables: nothing of the request may be in them. Those
 * of curl name hosts, ports and reasons, never the URL or a header; a body's excerpt is checked.
 */
#include "answer.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <hookswitch/canon.h>

#include "date.h"

/* An answer has no business being longer: the rest is not waited for. */
#define HEAD_MAX (64 * 1024)
#define BODY_MAX (256 * 1024)
/* Of a Retry-After header's value, which is a date at its longest. */
#define RETRY_AFTER_BYTES 63

bool
answer_add_head(struct answer *a, size_t len)
{
	a->head_bytes += len;
	a->head_too_long = a->head_bytes > HEAD_MAX;
	return !a->head_too_long;
}

bool
answer_add_body(struct answer *a, const char *bytes, size_t len)
{
	size_t room = sizeof(a->excerpt) - a->excerpt_len;
	size_t keep = len < room ? len : room;

	memcpy(a->excerpt + a->excerpt_len, bytes, keep);
	a->excerpt_len += keep;
	a->body_bytes += len;
	a->body_too_long = a->body_bytes > BODY_MAX;
	return !a->body_too_long;
}

void
answer_reset(struct answer *a)
{
	a->head_bytes = a->body_bytes = a->excerpt_len = 0;
	a->head_too_long = a->body_too_long = a->is_reused = false;
	a->was_refused = a->is_head_complete = false;
	a->status = a->os_errno = 0;
	a->retry_after_ms = 0;
	a->error[0] = '\0';
}

/* ---- of curl's transfers ---- */

bool
answer_is_success(const struct answer *a)
{
	return a->is_head_complete && a->status >= 200 && a->status < 300;
}

/* curl brings whole lines, that of the status as "HTTP/1.1 200 OK" or "HTTP/2 200". */
static void
read_status(struct answer *a, const char *line, size_t len)
{
	const char *space = memchr(line, ' ', len);

	if (len < 9 || memcmp(line, "HTTP/", 5) != 0 || space == NULL || line + len - space < 4)
		return;
	a->status = 0;
	for (int i = 1; i <= 3 && isdigit((unsigned char)space[i]); i++)
		a->status = a->status * 10 + (space[i] - '0');
}

/* curl's own reading differs: it takes "1.5" for a second. */
static void
read_retry_after(struct answer *a, const char *line, size_t len)
{
	static const char name[] = "retry-after:";
	const size_t n = sizeof(name) - 1;

	if (len >= n && strncasecmp(line, name, n) == 0)
		answer_retry_after(a, line + n, len - n);
}

static void
read_line(struct answer *a, const char *line, size_t len)
{
	read_status(a, line, len);
	read_retry_after(a, line, len);
	/* Some end lines with a line feed alone (RFC 9112 section 2.2). */
	if ((len == 1 && line[0] == '\n') || (len == 2 && memcmp(line, "\r\n", 2) == 0))
		a->is_head_complete = a->status >= 200;
	if (a->is_head_complete)
		a->headed(a);
}

/* CURLOPT_HEADERFUNCTION. Trailers come here as well, and say nothing that counts. */
static size_t
head_came(char *bytes, size_t one, size_t len, void *arg)
{
	struct answer *a = arg;

	(void)one;
	if (a->is_head_complete && a->status == STATUS_WITHOUT_EXPECT)
		a->is_head_complete = false;
	if (!a->is_head_complete)
		read_line(a, bytes, len);
	return answer_add_head(a, len) ? len : 0;
}

/* CURLOPT_WRITEFUNCTION */
static size_t
body_came(char *bytes, size_t one, size_t len, void *arg)
{
	(void)one;
	return answer_add_body(arg, bytes, len) ? len : 0;
}

void
answer_set(struct answer *a, CURL *easy, void (*headed)(struct answer *))
{
	a->headed = headed;
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, head_came);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, a);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_came);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, a);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, a->error);
}

static int64_t
seconds_to_ms(int64_t seconds)
{
	if (seconds <= 0)
		return 0;
	return seconds < INT64_MAX / 1000 ? seconds * 1000 : INT64_MAX;
}

void
answer_take(struct answer *a, CURL *easy)
{
	long status = 0, number = 0, connects = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
	curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connects);
	a->status = (int)status;
	a->os_errno = (int)number;
	a->is_reused = connects == 0;
}

/* RFC 9110 section 10.2.3 */
void
answer_retry_after(struct answer *a, const char *at, size_t len)
{
	char value[RETRY_AFTER_BYTES + 1];

	for (; len > 0 && isspace((unsigned char)*at); at++)
		len--;
	while (len > 0 && isspace((unsigned char)at[len - 1]))
		len--;
	snprintf(value, sizeof(value), "%.*s", (int)len, at);
	size_t digits = strspn(value, "0123456789");
	if (digits > 0 && value[digits] == '\0') {
		a->retry_after_ms = seconds_to_ms(strtoll(value, NULL, 10));
		return;
	}
	int64_t now = time(NULL), when = date_parse(value, now);
	a->retry_after_ms = when < 0 ? 0 : seconds_to_ms(when - now);
}

/* ---- for people ---- */

/* The length of the character at s; 1 for what is no UTF-8. *may_show: neither a control nor a mark that
 * turns the direction of what follows (U+202A to U+202E, U+2066 to U+2069). */
static size_t
next_character(const char *s, size_t n, bool *may_show)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t len = u[0] < 0x80 ? 1 : u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 : 2;

	*may_show = len <= n && canon_utf8_length((struct hsw_str){ s, len }) == len;
	if (!*may_show)
		return 1;
	bool is_control = u[0] < 0x20 || u[0] == 0x7f || (u[0] == 0xc2 && u[1] < 0xa0);
	bool is_turn = u[0] == 0xe2 &&
		((u[1] == 0x80 && u[2] >= 0xaa && u[2] <= 0xae) ||
			(u[1] == 0x81 && u[2] >= 0xa6 && u[2] <= 0xa9));
	*may_show = !is_control && !is_turn;
	return len;
}

/* The bytes as "\x1b". */
static size_t
escape(char *to, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		snprintf(to + 4 * i, 5, "\\x%02x", (unsigned char)bytes[i]);
	return 4 * n;
}

/* Copies the excerpt so that it is one line of UTF-8 that may be shown, cut at a character. */
static void
copy_shown(const struct answer *a, char to[EXCERPT_BYTES + 1])
{
	size_t len = 0, n;
	bool space = true; /* drops it at the start, and all but one */

	for (size_t i = 0; i < a->excerpt_len && i < EXCERPT_BYTES; i += n) {
		const char *at = a->excerpt + i;
		bool may_show;
		n = next_character(at, a->excerpt_len - i, &may_show);
		bool is_space = isspace((unsigned char)*at);
		if (is_space && space)
			continue;
		if (len + (is_space || may_show ? n : 4 * n) > EXCERPT_BYTES)
			break;
		space = is_space;
		if (is_space)
			to[len++] = ' ';
		else if (!may_show)
			len += escape(to + len, at, n);
		else
			len = (size_t)((char *)mempcpy(to + len, at, n) - to);
	}
	if (len > 0 && space)
		len--;
	to[len] = '\0';
}

/* The excerpt as it may be shown; empty where a credential is in it. */
static void
show_excerpt(const struct answer *a, const struct target *t, char to[EXCERPT_BYTES + 1])
{
	to[0] = '\0';
	if (a->excerpt_len > 0 && target_is_safe_text(t, a->excerpt, a->excerpt_len))
		copy_shown(a, to);
}

static void
status_text(const struct answer *a, const struct target *t, char text[ANSWER_TEXT_SIZE])
{
	char excerpt[EXCERPT_BYTES + 1];
	int status = a->status;

	if (status >= 300 && status < 400) {
		snprintf(text, ANSWER_TEXT_SIZE, "HTTP %d (redirects are not followed)", status);
		return;
	}
	show_excerpt(a, t, excerpt);
	snprintf(text, ANSWER_TEXT_SIZE, "HTTP %d%s%s", status, *excerpt ? ": " : "", excerpt);
}

/* How an error of curl is put to people. */
struct reason {
	CURLcode code;
	const char *text; /* goes in front of `with` */
	enum { ALONE, WITH_ERRNO, WITH_CURLS } with;
};

static const struct reason reasons[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, "the host's name does not resolve", ALONE },
	{ CURLE_COULDNT_CONNECT, "", WITH_ERRNO },
	{ CURLE_SEND_ERROR, "", WITH_ERRNO },
	{ CURLE_RECV_ERROR, "", WITH_ERRNO },
	{ CURLE_GOT_NOTHING, "closed the connection without an answer", ALONE },
	{ CURLE_PARTIAL_FILE, "closed the connection in the middle of the answer", ALONE },
	{ CURLE_UNSUPPORTED_PROTOCOL, "the answer is not HTTP", ALONE },
	{ CURLE_WEIRD_SERVER_REPLY, "the answer is not HTTP", ALONE },
	{ CURLE_PEER_FAILED_VERIFICATION, "certificate: ", WITH_CURLS },
	{ CURLE_SSL_CACERT_BADFILE, "ca_file: ", WITH_CURLS },
	{ CURLE_SSL_CERTPROBLEM, "cert_file or key_file: ", WITH_CURLS },
	{ CURLE_SSL_CONNECT_ERROR, "TLS: ", WITH_CURLS },
	{ CURLE_OPERATION_TIMEDOUT, "timeout", ALONE },
};

/* curl's own words without what the reason says already. */
static const char *
curls_text(const struct answer *a, CURLcode code)
{
	static const char *const known[] = { "SSL certificate problem: ", "SSL: " };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strncmp(a->error, known[i], strlen(known[i])) == 0)
			return a->error + strlen(known[i]);
	}
	return a->error[0] != '\0' ? a->error : curl_easy_strerror(code);
}

static void
error_text(const struct answer *a, CURLcode code, char text[ANSWER_TEXT_SIZE])
{
	const struct reason *r = reasons, *end = r + sizeof(reasons) / sizeof(reasons[0]);
	int number = 0;

	while (r < end && r->code != code)
		r++;
	const char *front = r < end ? r->text : "", *tail = curls_text(a, code);
	if (r < end && r->with == ALONE)
		tail = "";
	if (r < end && r->with == WITH_ERRNO)
		number = a->os_errno;
	char errno_text[128];
	if (number != 0)
		tail = strerror_r(number, errno_text, sizeof(errno_text));
	snprintf(text, ANSWER_TEXT_SIZE, "%s%s", front, tail);
	if (number != 0)
		text[0] = (char)tolower((unsigned char)text[0]);
}

bool
answer_met_old_connection(const struct answer *a, CURLcode code)
{
	static const CURLcode ends[] = { CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_GOT_NOTHING,
		CURLE_HTTP2, CURLE_HTTP2_STREAM };
	bool ended = false;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		ended = ended || code == ends[i];
	return ended && a->is_reused && a->head_bytes == 0;
}

enum hsw_outcome
answer_outcome(const struct answer *a, CURLcode code, const struct target *t,
	struct hsw_detail *detail, char text[ANSWER_TEXT_SIZE])
{
	int status = a->is_head_complete ? a->status : 0; /* half a head is no answer */

	detail->status = status;
	/* What comes after BODY_MAX changes nothing: the status has been said. */
	if (code == CURLE_WRITE_ERROR && a->body_too_long)
		code = CURLE_OK;
	detail->text = text;
	if (answer_is_success(a)) {
		show_excerpt(a, t, text);
		return HSW_DELIVERED;
	}
	detail->retry_after_ms = a->retry_after_ms;
	if (code == CURLE_OK)
		status_text(a, t, text);
	else if (a->was_refused && code == CURLE_COULDNT_CONNECT && a->os_errno == 0)
		snprintf(text, ANSWER_TEXT_SIZE, "%s",
			"the host's address is not a public one (allow_private)");
	else if (a->head_too_long)
		snprintf(text, ANSWER_TEXT_SIZE, "the answer's headers are too long");
	else
		error_text(a, code, text);
	return status == 410 ? HSW_GONE : HSW_RETRY;
}
