/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of what the HTTP server makes of a request's head, over a connection as clients have it. */
#include "unit.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "http.h"

#define TURNS_MAX 1000

static const struct server_conf conf = {
	.max_connections = 10,
	.header_timeout_ms = 60000,
	.body_timeout_ms = 60000,
	.idle_timeout_ms = 60000,
	.max_header_bytes = 4096,
};
static struct http_shared shared = { .conf = &conf, .max_body_bytes = 100 };
static struct event_base *base;
static struct http_server *server;
static struct sockaddr_un address;
static socklen_t address_len;
static char answer[8192], token[256], path[256], query[256];
static int handled;
static struct http_request *kept; /* asked for /later: it waits for its answer */

static void
copy(char *to, struct hsw_str s)
{
	memcpy(to, s.len > 0 ? s.s : "", s.len);
	to[s.len] = '\0';
}

static void
handle(void *arg, struct http_request *r)
{
	struct hsw_str given = http_header(r, "token");

	(void)arg;
	handled++;
	copy(token, given.s != NULL ? given : str_of("none"));
	copy(path, r->path);
	copy(query, r->query);
	if (str_is(r->path, "/later"))
		kept = r;
	else
		http_reply(r, 200, "", str_of("{}"));
}

static void
setup(void)
{
	static const struct http_handler handler = { handle, NULL };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	/* A name that the kernel chooses, in no folder (unix(7), "Autobind"). */
	address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	address_len = sizeof(address);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &address_len), 0);
	ck_assert_int_eq(listen(fd, 4), 0);
	base = event_base_new();
	server = http_server_new(base, &shared, &handler);
	ck_assert_ptr_nonnull(server);
	ck_assert_int_eq(http_server_listen(server, fd, HTTP_PLAIN), HSW_OK);
}

static void
teardown(void)
{
	http_server_free(server);
	event_base_free(base);
}

static void
say(int fd, const char *bytes)
{
	ck_assert_int_eq(send(fd, bytes, strlen(bytes), 0), (ssize_t)strlen(bytes));
}

static int
dial(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, address_len), 0);
	return fd;
}

static void
turn(void)
{
	for (int i = 0; i < TURNS_MAX; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

/* The statuses of all answers to what was said, in one text: "200 400". Closes the connection. */
static const char *
hear(int fd)
{
	static char statuses[256];
	size_t n = 0;

	turn();
	ssize_t got = recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT);
	answer[got > 0 ? got : 0] = '\0';
	close(fd);
	statuses[0] = '\0';
	for (char *at = answer; (at = strstr(at, "HTTP/1.1 ")) != NULL; at += 12)
		n += (size_t)snprintf(
			statuses + n, sizeof(statuses) - n, "%s%.3s", n > 0 ? " " : "", at + 9);
	return statuses;
}

static const char *
ask(const char *bytes)
{
	int fd = dial();

	say(fd, bytes);
	return hear(fd);
}

#define HEAD "GET / HTTP/1.1\r\nHost: h\r\n"

START_TEST(header_values_are_without_the_space_around_them)
{
	static const struct {
		const char *line, *token;
	} rows[] = {
		{ "Token: t\r\n", "t" },
		{ "Token:t\r\n", "t" },
		{ "TOKEN: \t t\r\n", "t" },
		{ "Token: t \t \r\n", "t" },
		{ "Token: a b \r\n", "a b" },
		{ "Token:\r\n", "" },
		{ "Token:  \t\r\n", "" },
		{ "Token:\r\nX: y\r\n", "" },
		{ "X: y\r\n", "none" },
		{ "Tokens: t\r\nToke: t\r\n", "none" },
		{ "Token: first\r\nToken: second\r\n", "first" },
	};
	char request[512];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(request, sizeof(request), HEAD "%s\r\n", rows[i].line);
		ck_assert_msg(strcmp(ask(request), "200") == 0, "row %zu: %s", i, answer);
		ck_assert_msg(strcmp(token, rows[i].token) == 0, "row %zu: \"%s\"", i, token);
	}
}
END_TEST

START_TEST(a_folded_header_line_is_refused)
{
	handled = 0;
	ck_assert_str_eq(ask(HEAD "Token: a\r\n b\r\n\r\n"), "400");
	ck_assert_ptr_nonnull(strstr(answer, "Folded"));
	ck_assert_str_eq(ask(HEAD "Token: a\r\n\tX: b\r\n\r\n"), "400");
	ck_assert_int_eq(handled, 0);
}
END_TEST

START_TEST(a_length_that_can_be_read_in_two_ways_is_refused)
{
	static const char *const rows[] = {
		"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
		"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
		"Content-Length: 2,2\r\n\r\nab",
		"Content-Length: +2\r\n\r\nab",
		"Content-Length: 99999999999999999999\r\n\r\nab",
		"Content-Length : 2\r\n\r\nab",
		"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
		"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
		"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n\r\n",
	};
	char request[512];

	handled = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(request, sizeof(request), "POST / HTTP/1.1\r\nHost: h\r\n%s", rows[i]);
		ck_assert_msg(strcmp(ask(request), "400") == 0, "row %zu: %s", i, answer);
	}
	ck_assert_int_eq(handled, 0);
}
END_TEST

START_TEST(paths_are_decoded_and_queries_are_not)
{
	static const struct {
		const char *target, *path, *query;
	} rows[] = {
		{ "/a%20b%2Fc", "/a b/c", "" },
		{ "/a?b=%20&c", "/a", "b=%20&c" },
		{ "/a?b?c", "/a", "b?c" },
		{ "/%3f?x", "/?", "x" },
		{ "http://h:1/p?q", "/p", "q" },
		{ "http://h", "/", "" },
		{ "/%41", "/A", "" },
	};
	char request[512];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n",
			rows[i].target);
		ck_assert_msg(strcmp(ask(request), "200") == 0, "row %zu: %s", i, answer);
		ck_assert_msg(strcmp(path, rows[i].path) == 0, "row %zu: %s", i, path);
		ck_assert_msg(strcmp(query, rows[i].query) == 0, "row %zu: %s", i, query);
	}
}
END_TEST

START_TEST(malformed_targets_are_refused)
{
	static const char *const rows[] = { "/%", "/%4", "/%zz", "/%00", "/a%00b", "*" };
	char request[512];

	handled = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", rows[i]);
		ck_assert_msg(strcmp(ask(request), "400") == 0, "row %zu: %s", i, answer);
	}
	ck_assert_int_eq(handled, 0);
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order_until_one_is_malformed)
{
	handled = 0;
	ck_assert_str_eq(ask(HEAD "\r\n" HEAD "Token: 2\r\n\r\n" HEAD "X\r\n\r\n" HEAD "\r\n"),
		"200 200 400");
	ck_assert_int_eq(handled, 2);
	ck_assert_str_eq(token, "2");
}
END_TEST

/* Who is before us, and speaks 1.0, may see another end of it. */
START_TEST(a_coding_of_http_1_0_ends_the_connection)
{
	static const char old[] = "POST / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n";
	char requests[512];

	snprintf(requests, sizeof(requests),
		"%sTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HEAD "\r\n", old);
	handled = 0;
	ck_assert_str_eq(ask(requests), "200");
	ck_assert_int_eq(handled, 1);
	snprintf(requests, sizeof(requests), "%sContent-Length: 0\r\n\r\n" HEAD "\r\n", old);
	ck_assert_str_eq(ask(requests), "200 200");
}
END_TEST

static void
answer_kept(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	http_reply(kept, 200, "", str_of("{}"));
}

/* The rest of the second request is there in the turn of the loop in which the first one is answered. */
START_TEST(a_pipelined_request_that_is_whole_at_once_after_the_answer_before_it)
{
	struct event later;
	int fd = dial();

	handled = 0;
	say(fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHo");
	turn();
	ck_assert_int_eq(handled, 1);
	say(fd, "st: h\r\n\r\n");
	event_assign(&later, base, -1, 0, answer_kept, NULL);
	event_active(&later, EV_TIMEOUT, 0);
	ck_assert_str_eq(hear(fd), "200 200");
	ck_assert_int_eq(handled, 2);
}
END_TEST

START_TEST(escapes_in_queries_are_whole_and_no_nul)
{
	static const char *const bad[] = { "%", "%4", "%g1", "%00", "a%" };
	struct buf out = BUF_INIT;

	ck_assert(http_decode(str_of("a%2b%C3%A9"), &out));
	ck_assert(str_is((struct hsw_str){ out.data, out.len }, "a+\xc3\xa9"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!http_decode(str_of(bad[i]), &out), "%s", bad[i]);
	buf_free(&out);
}
END_TEST

START_TEST(a_malformed_value_is_told_from_one_that_is_not_there)
{
	static const struct {
		const char *query, *name;
	} rows[] = {
		{ "", NULL },
		{ "a", NULL },
		{ "a=", NULL },
		{ "a=1&b=%2f%C3%a9", NULL },
		{ "%zz&&", NULL },
		{ "a=%", "a" },
		{ "a=1&b=50%", "b" },
		{ "a=1&b=%zz&c=%", "b" },
		{ "a=%00", "a" },
		{ "a=b=%4&c", "a" },
		{ "=%", "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct http_request r = { .query = str_of(rows[i].query) };
		const struct hsw_str name = http_query_malformed(&r);
		ck_assert_msg(rows[i].name == NULL ? name.s == NULL
						   : name.s != NULL && str_is(name, rows[i].name),
			"row %zu: %.*s", i, (int)name.len, name.s);
	}
}
END_TEST

#define HEAD_MAX 200

/* A request whose head, with the empty line, has so many bytes. */
static const char *
of_length(int n)
{
	static char request[2 * HEAD_MAX];

	n -= (int)sizeof(HEAD "X: \r\n\r\n") - 1;
	snprintf(request, sizeof(request), HEAD "X: %0*d\r\n\r\n", n, 1);
	return request;
}

static void
limit_heads(void)
{
	static struct server_conf small;

	small = conf;
	small.max_header_bytes = HEAD_MAX;
	http_server_set_conf(server, &small);
}

START_TEST(a_head_that_is_too_large_is_refused_when_it_comes_at_once_too)
{
	char both[4 * HEAD_MAX];

	limit_heads();
	ck_assert_int_eq(strlen(of_length(HEAD_MAX)), HEAD_MAX);
	ck_assert_str_eq(ask(of_length(HEAD_MAX)), "200");
	ck_assert_str_eq(ask(of_length(HEAD_MAX + 1)), "431");
	snprintf(both, sizeof(both), "%s", of_length(HEAD_MAX));
	snprintf(both + HEAD_MAX, sizeof(both) - HEAD_MAX, "%s", of_length(HEAD_MAX + 1));
	ck_assert_str_eq(ask(both), "200 431");
}
END_TEST

START_TEST(a_head_that_is_too_large_is_refused_when_it_comes_in_parts)
{
	for (int n = HEAD_MAX; n <= HEAD_MAX + 1; n++) {
		int fd = dial();
		limit_heads();
		say(fd, "GET /1 HTTP/1.1\r\n");
		turn();
		say(fd,
			of_length(n - 17 + (int)sizeof("GET / HTTP/1.1\r\n") - 1) +
				sizeof("GET / HTTP/1.1\r\n") - 1);
		ck_assert_str_eq(hear(fd), n == HEAD_MAX ? "200" : "431");
	}
}
END_TEST

START_TEST(a_body_is_no_part_of_the_head)
{
	char request[1024];

	limit_heads();
	snprintf(request, sizeof(request),
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n%0100d%s", 1,
		of_length(HEAD_MAX));
	ck_assert_str_eq(ask(request), "200 200");
	snprintf(request, sizeof(request),
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n%0100d\r\n"
		"0\r\nTrailer: %0100d\r\n\r\n%s",
		1, 1, of_length(HEAD_MAX));
	ck_assert_str_eq(ask(request), "200 200");
}
END_TEST

/* What the parser takes for another protocol has no body to it: the bytes of one would be the next request. */
START_TEST(a_body_is_never_the_next_request)
{
	static const struct {
		const char *head, *statuses;
	} rows[] = {
		{ "CONNECT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 34\r\n\r\n", "200" },
		{ "CONNECT /x HTTP/1.1\r\nHost: h\r\n\r\n", "200" },
		{ "CONNECT h:1 HTTP/1.1\r\nHost: h\r\nContent-Length: 34\r\n\r\n", "400" },
		{ "CONNECT /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", "200" },
		{ "POST /x HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n"
		  "Transfer-Encoding: gzip\r\n\r\n",
			"400" },
		{ "POST /x HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n"
		  "Content-Length: 34\r\n\r\n",
			"200" },
		{ "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 34\r\n\r\n", "200" },
	};
	char request[512];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(request, sizeof(request), "%sGET /smuggled HTTP/1.1\r\nHost:h\r\n\r\n",
			rows[i].head);
		handled = 0;
		const char *statuses = ask(request);
		ck_assert_msg(strcmp(statuses, rows[i].statuses) == 0, "row %zu: %s", i, answer);
		ck_assert_msg(strcmp(path, "/smuggled") != 0, "row %zu", i);
		ck_assert_int_le(handled, 1);
	}
}
END_TEST

START_TEST(an_upgrade_that_is_not_made_leaves_the_connection_as_it_is)
{
	ck_assert_str_eq(
		ask(HEAD "Connection: upgrade\r\nUpgrade: x\r\n\r\n" HEAD "\r\n"), "200 200");
}
END_TEST

UNIT_MAIN_WITH("http", setup, teardown, header_values_are_without_the_space_around_them,
	a_folded_header_line_is_refused, a_length_that_can_be_read_in_two_ways_is_refused,
	paths_are_decoded_and_queries_are_not, malformed_targets_are_refused,
	pipelined_requests_are_answered_in_order_until_one_is_malformed,
	a_coding_of_http_1_0_ends_the_connection,
	a_pipelined_request_that_is_whole_at_once_after_the_answer_before_it,
	escapes_in_queries_are_whole_and_no_nul,
	a_malformed_value_is_told_from_one_that_is_not_there,
	a_head_that_is_too_large_is_refused_when_it_comes_at_once_too,
	a_head_that_is_too_large_is_refused_when_it_comes_in_parts, a_body_is_no_part_of_the_head,
	a_body_is_never_the_next_request,
	an_upgrade_that_is_not_made_leaves_the_connection_as_it_is)
