/* SPDX-License-Identifier: Apache-2.0 */
/* test_sink_webhook_net.c - sink-webhook: connections, cancelling, TLS, HTTP/2. */
#include "webhook_rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "certs.h"
#include "unit.h"

/* ---- connections ---------------------------------------------------------------------------- */

/* Its first address, ::1, refuses; the socket for the next one gets the same number. */
START_TEST(a_host_with_several_addresses_is_reached)
{
	char url[64];
	snprintf(url, sizeof(url), "http://localhost:%u/", http_server_port(server));
	struct hsw_handle *h = OPEN_URL(url, NULL);

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 20; i++)
			put(h);
		fake_wait_all(h);
	}
	ck_assert_uint_eq(http_server_requests(server), 60);
	fake_close(h);
}
END_TEST

START_TEST(connections_are_kept_and_used_again)
{
	struct hsw_handle *h = OPEN("/", NULL);

	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(fake_wait(put(h))->outcome, HSW_DELIVERED);
	ck_assert_uint_eq(http_server_connections(server), 1);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 32; i++)
			put(h);
		fake_wait_all(h);
	}
	ck_assert_uint_eq(http_server_requests(server), 50 + 5 * 32);
	/* Fewer, when an answer was there before the last request was sent. */
	ck_assert_uint_le(http_server_connections(server), 32);
	ck_assert_uint_eq(fake_counted(h, "connections"), http_server_connections(server));
	fake_close(h);
}
END_TEST

START_TEST(connections_that_the_receiver_closes_cost_no_delivery)
{
	static const char *const paths[] = { "/close-told", "/close-quietly" };

	for (int i = 0; i < 2; i++) {
		struct hsw_handle *h = OPEN(paths[i], NULL);
		for (int n = 0; n < 20; n++)
			ck_assert_str_eq(fake_wait(put(h))->text, "");
		for (int n = 0; n < 20; n++)
			put(h);
		fake_wait_all(h);
		fake_run(h, 20);
		fake_close(h);
	}
	ck_assert_uint_eq(http_server_requests(server), 80);
}
END_TEST

/* As of a receiver that starts again: nothing has been seen of it when the next event comes. */
START_TEST(an_end_that_several_connections_met_costs_no_delivery)
{
	struct hsw_handle *h = OPEN("/201", NULL);

	for (int i = 0; i < 5; i++)
		put(h);
	fake_wait_all(h);
	ck_assert_uint_eq(http_server_open(server), 5);
	http_server_hang_up(server);
	while (http_server_open(server) > 0)
		usleep(1000);
	ck_assert_str_eq(fake_wait(put(h))->text, "");
	ck_assert_uint_eq(http_server_connections(server), 6);
	fake_close(h);
}
END_TEST

START_TEST(drain_lets_go_of_idle_connections)
{
	struct hsw_handle *h = OPEN("/", NULL);

	for (int i = 0; i < 4; i++)
		put(h);
	fake_wait_all(h);
	ck_assert_uint_ge(http_server_open(server), 1);
	fake_drain(h);
	wait_open(h, 0);
	fake_close(h);
}
END_TEST

/* n deliveries at once to another server than the section's. Returns the last one. */
static struct hsw_delivery *
put_to(struct hsw_handle *h, const struct http_server *other, const char *path, int n)
{
	const char *const options[] = { "url", url_of(other, "http", path), NULL };
	const struct hsw_envelope *env = fake_envelope_text("{}");
	struct hsw_error err;
	void *conf = fake_conf_new(fake_plugin(h), options, &err);
	struct hsw_delivery *d = NULL;

	for (int i = 0; i < n; i++)
		d = fake_deliver_to(h, env, 1, conf);
	fake_conf_free(fake_plugin(h), conf);
	fake_unref(env);
	return d;
}

START_TEST(new_connections_do_not_keep_idle_ones)
{
	struct http_server *other = http_server_start(rules, NULL);
	struct hsw_handle *h = OPEN("/", "allow_private", "127.0.0.0/8", NULL);

	fake_wait(put(h));
	ck_assert_uint_eq(http_server_open(server), 1);
	struct hsw_delivery *d = put_to(h, other, "/hang", 1);
	fake_drain(h); /* idle ones are looked at in the turn in which the new one is made */
	wait_open(h, 0);
	fake_cancel(d);
	fake_close(h);
	http_server_stop(other);
}
END_TEST

START_TEST(of_too_many_idle_connections_the_oldest_one_goes)
{
	struct http_server *other = http_server_start(rules, NULL);
	struct hsw_handle *h = OPEN("/", "allow_private", "127.0.0.0/8", NULL);

	fake_wait(put(h));
	put_to(h, other, "/", 256);
	fake_wait_all(h);
	wait_open(h, 0);
	ck_assert_uint_eq(http_server_open(other), 256);
	fake_close(h);
	http_server_stop(other);
}
END_TEST

START_TEST(a_cancelled_delivery_ends_its_connection_and_no_other)
{
	static const char *const paths[] = { "/hang", "/half-head-hang" };

	for (unsigned i = 0; i < 2; i++) {
		struct hsw_handle *h = OPEN(paths[i], NULL);
		struct hsw_delivery *d[3];
		for (int n = 0; n < 3; n++)
			d[n] = put(h);
		fake_cancel(d[2]); /* before anything was sent */
		wait_requests(h, i * 2 + 2);
		fake_cancel(d[0]);
		wait_open(h, 1);
		fake_run(h, 20);
		ck_assert_int_eq(fake_result(d[0])->state, FAKE_CANCELLED);
		ck_assert_int_eq(fake_result(d[1])->state, FAKE_PENDING);
		fake_cancel(d[1]);
		wait_open(h, 0);
		fake_close(h);
	}
}
END_TEST

/* A port that answers no SYN: its queue is full. */
static int
full_listener(struct sockaddr_in *a, int *fillers, int n)
{
	socklen_t len = sizeof(*a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*a = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	ck_assert_int_eq(bind(fd, (struct sockaddr *)a, sizeof(*a)), 0);
	ck_assert_int_eq(listen(fd, 0), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)a, &len), 0);
	for (int i = 0; i < n; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(fillers[i], (struct sockaddr *)a, sizeof(*a));
	}
	return fd;
}

START_TEST(a_delivery_cancelled_while_it_connects_leaves_nothing)
{
	int fillers[4];
	struct sockaddr_in a;
	int fd = full_listener(&a, fillers, 4);
	char url[64];
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", ntohs(a.sin_port));
	const char *const options[] = { "url", url, NULL };
	struct hsw_handle *h = OPEN("/", "allow_private", "127.0.0.1", NULL);
	const struct hsw_envelope *env = fake_envelope_text("{}");
	struct hsw_error err;
	void *conf = fake_conf_new(fake_plugin(h), options, &err);
	unsigned held = fake_held(h);

	struct hsw_delivery *d = fake_deliver_to(h, env, 1, conf);
	fake_run(h, 20);
	ck_assert_uint_gt(fake_held(h), held);
	fake_cancel(d);
	ck_assert_uint_eq(fake_held(h), held);
	ck_assert_int_eq(
		fake_wait(put(h))->outcome, HSW_DELIVERED); /* a socket of the same number */
	fake_unref(env);
	fake_conf_free(fake_plugin(h), conf);
	fake_close(h);
	close(fd);
	for (int i = 0; i < 4; i++)
		close(fillers[i]);
}
END_TEST

START_TEST(a_handle_closes_right_after_its_deliveries_were_cancelled)
{
	struct hsw_handle *h = OPEN("/hang", NULL);
	struct hsw_delivery *d[100];

	for (int i = 0; i < 100; i++)
		d[i] = put(h);
	fake_run(h, 20);
	for (int i = 0; i < 100; i++)
		fake_cancel(d[i]);
	fake_close(h);
}
END_TEST

static unsigned again;
static struct hsw_delivery *other;

static void
deliver_again(struct hsw_delivery *d, void *arg)
{
	(void)d;
	if (other != NULL)
		fake_cancel(other);
	other = NULL;
	if (again > 0) {
		again--;
		put(arg);
	}
}

START_TEST(done_may_deliver_and_cancel)
{
	struct hsw_handle *h = OPEN("/", "allow_private", "127.0.0.1", NULL);
	const char *const hang[] = { "url", url_of(server, "http", "/hang"), NULL };
	const struct hsw_envelope *env = fake_envelope_text("{}");
	struct hsw_error err;
	void *conf = fake_conf_new(fake_plugin(h), hang, &err);

	fake_on_done(h, deliver_again, h);
	again = 500;
	struct hsw_delivery *hanging = other = fake_deliver_to(h, env, 1, conf);
	for (int i = 0; i < 8; i++)
		put(h);
	fake_wait_all(h);
	ck_assert_int_eq(fake_result(hanging)->state, FAKE_CANCELLED);
	ck_assert_uint_eq(again, 0);
	fake_unref(env);
	fake_conf_free(fake_plugin(h), conf);
	fake_close(h);
}
END_TEST

static void *
one_worker(void *arg)
{
	struct hsw_handle *h = OPEN("/", NULL);
	unsigned *delivered = arg;

	for (int i = 0; i < 100; i++)
		*delivered += fake_wait(put(h))->outcome == HSW_DELIVERED;
	fake_close(h);
	return NULL;
}

START_TEST(handles_of_several_threads_do_not_meet)
{
	pthread_t threads[4];
	unsigned delivered[4] = { 0 };

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, one_worker, &delivered[i]);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_uint_eq(delivered[i], 100);
	}
}
END_TEST

/* ---- TLS ------------------------------------------------------------------------------------ */

START_TEST(a_head_of_success_is_enough)
{
	static const char *const paths[] = { "/half", "/half-chunk", "/bad-chunk", "/half-hang" };
	struct cert lone = cert_new("receiver", "IP:127.0.0.1", NULL);
	SSL_CTX *tls = cert_server(&lone, NULL);
	struct http_server *s = http_server_start(rules, tls);
	cert_write(&lone, in_folder("cert.pem"));

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct hsw_handle *h = OPEN_URL(
			url_of(s, "https", paths[i]), "ca_file", in_folder("cert.pem"), NULL);
		const struct fake_result *r = fake_wait(put(h));
		ck_assert_msg(r->outcome == HSW_DELIVERED && r->status == 200, "%s: %s", paths[i],
			r->text);
		fake_close(h);
	}
	ck_assert_int_eq(result_at(url_of(s, "https", "/429"), "ca_file", in_folder("cert.pem"))
				 .retry_after_ms,
		7000);
	ck_assert_int_eq(
		result_at(url_of(s, "https", "/503-fraction"), "ca_file", in_folder("cert.pem"))
			.retry_after_ms,
		0);
	http_server_stop(s);
	SSL_CTX_free(tls);
	cert_free(&lone);
}
END_TEST

/* What is not read to its end in a second is given up, and its connection with it. */
START_TEST(the_rest_of_an_answer_is_not_waited_for_long)
{
	struct hsw_handle *h = OPEN("/half-hang", NULL);
	time_t begun = time(NULL);

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(fake_wait(put(h))->outcome, HSW_DELIVERED);
	ck_assert(http_server_open(server) == 3 || time(NULL) > begun); /* the second may be over */
	wait_open(h, 0);
	fake_close(h);
}
END_TEST

/* Whatever the receiver does: what rests of those that were delivered is bounded. */
START_TEST(answers_without_end_hold_few_connections)
{
	struct cert lone = cert_new("receiver", "IP:127.0.0.1", NULL);
	SSL_CTX *tls = cert_server(&lone, NULL);
	struct http_server *s = http_server_start(rules, tls);
	cert_write(&lone, in_folder("cert.pem"));
	const char *const urls[] = { url_of(server, "http", "/half-hang"),
		url_of(s, "https", "/half-hang") };

	for (size_t i = 0; i < 2; i++) {
		struct hsw_handle *h = OPEN_URL(
			urls[i], i == 1 ? "ca_file" : NULL, in_folder("cert.pem"), NULL);
		unsigned held = fake_held(h);
		struct hsw_delivery *d[300];
		for (int n = 0; n < 300; n++)
			d[n] = put(h);
		fake_wait_all(h);
		ck_assert_uint_le(fake_held(h), held + 256);
		for (int n = 0; n < 300; n++)
			ck_assert_int_eq(fake_result(d[n])->outcome, HSW_DELIVERED);
		fake_close(h);
	}
	http_server_stop(s);
	SSL_CTX_free(tls);
	cert_free(&lone);
}
END_TEST

/* Who says no and then no more, or goes away, has said it; half a head says nothing. */
START_TEST(a_head_of_failure_is_enough)
{
	static const char cut[] = "closed the connection in the middle of the answer";
	static const struct {
		const char *path, *text; /* NULL: it is curl's own */
		enum hsw_outcome outcome;
		int status;
	} cases[] = { { "/half-500-hang", "HTTP 500: abc", HSW_RETRY, 500 },
		{ "/half-410-hang", "HTTP 410: abc", HSW_GONE, 410 },
		{ "/half-410", cut, HSW_GONE, 410 }, { "/half-500", cut, HSW_RETRY, 500 },
		{ "/half-head", NULL, HSW_RETRY, 0 }, { "/half-100", NULL, HSW_RETRY, 0 },
		{ "/half-400-head", NULL, HSW_RETRY, 0 } };
	struct cert lone = cert_new("receiver", "IP:127.0.0.1", NULL);
	SSL_CTX *tls = cert_server(&lone, NULL);
	struct http_server *s = http_server_start(rules, tls);
	cert_write(&lone, in_folder("cert.pem"));

	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		bool has_tls = i % 2 == 1;
		const char *path = cases[i / 2].path;
		const char *url = url_of(has_tls ? s : server, has_tls ? "https" : "http", path);
		struct hsw_handle *h = OPEN_URL(url, has_tls ? "ca_file" : NULL,
			has_tls ? in_folder("cert.pem") : NULL, NULL);
		const struct fake_result *r = fake_wait(put(h));
		ck_assert_msg(r->outcome == cases[i / 2].outcome &&
				r->status == cases[i / 2].status &&
				(cases[i / 2].text == NULL ||
					strcmp(r->text, cases[i / 2].text) == 0),
			"%s: %d %d %s", url, r->outcome, r->status, r->text);
		/* The text is worth a moment beyond the deadline. */
		if (strstr(path, "-hang") != NULL)
			ck_assert_int_gt(r->extended_ms, 2000);
		fake_close(h);
	}
	http_server_stop(s);
	SSL_CTX_free(tls);
	cert_free(&lone);
}
END_TEST

START_TEST(certificates_are_checked)
{
	struct cert ca = cert_new("Test CA", NULL, NULL);
	struct cert good = cert_new("receiver", "IP:127.0.0.1", &ca);
	struct cert foreign = cert_new("receiver", "DNS:elsewhere.example", &ca);
	struct cert lone = cert_new("receiver", "IP:127.0.0.1", NULL);
	cert_write(&ca, in_folder("ca.pem"));
	cert_write(&lone, in_folder("other.pem"));
	const struct {
		const struct cert *cert;
		const char *ca_file, *text;
	} cases[] = { { &good, "ca.pem", "" }, { &lone, "other.pem", "" },
		{ &lone, NULL, "certificate: self-signed certificate" },
		{ &lone, "ca.pem", "certificate: self-signed certificate" },
		{ &good, NULL, "certificate: unable to get local issuer certificate" },
		{ &good, "other.pem", "certificate: unable to get local issuer certificate" },
		{ &foreign, "ca.pem", "certificate: no alternative certificate subject name" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		SSL_CTX *tls = cert_server(cases[i].cert, NULL);
		struct http_server *s = http_server_start(rules, tls);
		const char *ca_file = cases[i].ca_file;
		struct fake_result r = result_at(url_of(s, "https", "/"),
			ca_file != NULL ? "ca_file" : NULL,
			ca_file != NULL ? in_folder(ca_file) : NULL);
		ck_assert_int_eq(r.outcome, cases[i].text[0] == '\0' ? HSW_DELIVERED : HSW_RETRY);
		ck_assert_msg(strncmp(r.text, cases[i].text, strlen(cases[i].text)) == 0, "%zu: %s",
			i, r.text);
		ck_assert_uint_eq(http_server_requests(s), r.outcome == HSW_DELIVERED);
		http_server_stop(s);
		SSL_CTX_free(tls);
	}
	cert_free(&ca);
	cert_free(&good);
	cert_free(&foreign);
	cert_free(&lone);
}
END_TEST

START_TEST(a_failed_handshake_is_told)
{
	struct cert lone = cert_new("receiver", "IP:127.0.0.1", NULL);
	SSL_CTX *tls = cert_server(&lone, NULL);
	SSL_CTX_set_max_proto_version(tls, TLS1_1_VERSION);
	struct http_server *s = http_server_start(rules, tls);

	struct fake_result r = result_at(url_of(s, "https", "/"), NULL, NULL);
	ck_assert_int_eq(r.outcome, HSW_RETRY);
	ck_assert_msg(strncmp(r.text, "TLS: ", 5) == 0, "%s", r.text);
	http_server_stop(s);
	SSL_CTX_free(tls);
	cert_free(&lone);
}
END_TEST

START_TEST(a_client_certificate_is_shown)
{
	struct cert ca = cert_new("Test CA", NULL, NULL);
	struct cert receiver = cert_new("receiver", "IP:127.0.0.1", &ca);
	struct cert client = cert_new("hookswitch", "DNS:hookswitch", &ca);
	SSL_CTX *tls = cert_server(&receiver, &ca);
	struct http_server *s = http_server_start(rules, tls);
	cert_write(&ca, in_folder("ca.pem"));
	cert_write(&client, in_folder("cert.pem"));
	cert_write_key(&client, in_folder("key.pem"));

	struct fake_result r = result_at(url_of(s, "https", "/"), "ca_file", in_folder("ca.pem"));
	ck_assert_int_eq(r.outcome, HSW_RETRY);
	struct hsw_handle *h = OPEN_URL(url_of(s, "https", "/"), "ca_file", in_folder("ca.pem"),
		"cert_file", in_folder("cert.pem"), "key_file", in_folder("key.pem"), NULL);
	ck_assert_int_eq(fake_wait(put(h))->outcome, HSW_DELIVERED);
	ck_assert_int_eq(fake_wait(put(h))->outcome, HSW_DELIVERED);
	ck_assert_int_eq(fake_counted(h, "connections"), 1);
	fake_close(h);
	http_server_stop(s);
	SSL_CTX_free(tls);
	cert_free(&ca);
	cert_free(&receiver);
	cert_free(&client);
}
END_TEST

/* ---- HTTP/2 --------------------------------------------------------------------------------- */

/* A socket that keeps its port from all but a listener with SO_REUSEADDR. */
static int
hold_port(unsigned *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static bool
can_connect(unsigned port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int rc = connect(fd, (struct sockaddr *)&a, sizeof(a));

	close(fd);
	return rc == 0;
}

/* nghttpd speaks nothing but HTTP/2; it echoes what is posted. */
static pid_t
start_nghttpd(unsigned port)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", port);
	pid_t pid = fork();
	if (pid == 0) {
		execlp("nghttpd", "nghttpd", "--echo-upload", "-a", "127.0.0.1", number,
			in_folder("key.pem"), in_folder("cert.pem"), NULL);
		_exit(127);
	}
	for (int i = 0; i < 1000 && !can_connect(port); i++) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return -1;
		usleep(10000);
	}
	return pid;
}

START_TEST(http_2_shares_one_connection)
{
	struct cert lone = cert_new("receiver", "IP:127.0.0.1", NULL);
	unsigned port;
	int held = hold_port(&port);
	char url[64];
	cert_write(&lone, in_folder("cert.pem"));
	cert_write_key(&lone, in_folder("key.pem"));
	cert_free(&lone);

	pid_t pid = start_nghttpd(port);
	close(held);
	if (pid < 0)
		return; /* it is not installed */
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/", port);
	struct hsw_handle *h = OPEN_URL(url, "ca_file", in_folder("cert.pem"), NULL);
	struct hsw_delivery *d[64];
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 64; i++)
			d[i] = put(h);
		fake_cancel(d[10]);
		fake_wait_all(h);
		for (int i = 0; i < 64; i++)
			ck_assert_msg(i == 10 || fake_result(d[i])->outcome == HSW_DELIVERED, "%s",
				fake_result(d[i])->text);
	}
	ck_assert_int_eq(fake_counted(h, "connections"), 1);
	fake_close(h);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
}
END_TEST

UNIT_MAIN_WITH("sink-webhook-net", webhook_rig_setup, webhook_rig_teardown,
	a_host_with_several_addresses_is_reached, connections_are_kept_and_used_again,
	connections_that_the_receiver_closes_cost_no_delivery,
	an_end_that_several_connections_met_costs_no_delivery, drain_lets_go_of_idle_connections,
	new_connections_do_not_keep_idle_ones, of_too_many_idle_connections_the_oldest_one_goes,
	a_cancelled_delivery_ends_its_connection_and_no_other,
	a_delivery_cancelled_while_it_connects_leaves_nothing,
	a_handle_closes_right_after_its_deliveries_were_cancelled, done_may_deliver_and_cancel,
	handles_of_several_threads_do_not_meet, certificates_are_checked,
	a_head_of_success_is_enough, the_rest_of_an_answer_is_not_waited_for_long,
	answers_without_end_hold_few_connections, a_head_of_failure_is_enough,
	a_failed_handshake_is_told, a_client_certificate_is_shown, http_2_shares_one_connection)
