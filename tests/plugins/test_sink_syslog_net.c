/* SPDX-License-Identifier: Apache-2.0 */
/* test_sink_syslog_net.c - sink-syslog: sockets that refuse, break, fill up, and TLS. */
#include "syslog_rig.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certs.h"
#include "unit.h"

static struct peer peer;

static void
setup(void)
{
	syslog_rig_setup();
	memset(&peer, 0, sizeof(peer));
}

/* Whether the stream of counted messages has the numbers from..to, in order, and no more. */
static void
expect_numbers(const char *stream, int from, int to)
{
	char wanted[32];
	char *end;

	for (int n = from; n <= to; n++) {
		size_t len = strtoul(stream, &end, 10);
		ck_assert_msg(end > stream && *end == ' ', "no count before %d: %.40s", n, stream);
		ck_assert_uint_le(len, strlen(end + 1));
		snprintf(wanted, sizeof(wanted), "{\"n\":%d}", n);
		const char *body = body_of(end + 1);
		ck_assert_int_eq(strncmp(body, wanted, strlen(wanted)), 0);
		ck_assert_ptr_eq(body + strlen(wanted), end + 1 + len);
		stream = end + 1 + len;
	}
	ck_assert_str_eq(stream, "");
}

/* Waits for all deliveries while the peer reads. */
static void
wait_outcome(struct hsw_handle *h, struct hsw_delivery *d, enum hsw_outcome outcome)
{
	for (int i = 0; fake_result(d)->state == FAKE_PENDING; i++) {
		ck_assert_int_lt(i, 5000);
		peer_wait(h, &peer, 0);
	}
	ck_assert_msg(fake_result(d)->outcome == outcome, "%s", fake_result(d)->text);
}

typedef int getaddrinfo_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* The plugin finds this one: nobody outside is asked for a name that does not exist. One at a time, as ThreadSanitizer
 * does not see the C library's own locks, and its getaddrinfo, which knows that, is not called. */
__attribute__((visibility("default"))) int
getaddrinfo(
	const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	getaddrinfo_fn *real = (getaddrinfo_fn *)dlsym(RTLD_NEXT, "getaddrinfo");

	if (strcmp(node, "name.invalid") == 0)
		return EAI_NONAME;
	pthread_mutex_lock(&lock);
	int rc = real(node, service, hints, out);
	pthread_mutex_unlock(&lock);
	return rc;
}

/* ---- TCP ------------------------------------------------------------------------------------ */

START_TEST(tcp_counts_octets_and_keeps_its_connection)
{
	peer_open(&peer, AF_INET, SOCK_STREAM);
	struct hsw_handle *h = OPEN_SYSLOG(peer_target(&peer), NULL);
	struct hsw_delivery *d = NULL;

	for (int n = 0; n < 300; n++) {
		d = put_number(h, n);
		if (n % 100 == 0)
			wait_outcome(h, d, HSW_DELIVERED);
	}
	wait_outcome(h, d, HSW_DELIVERED);
	peer_wait(h, &peer, 1);
	expect_numbers(peer_take(&peer), 0, 299);
	ck_assert_uint_eq(peer.accepted, 1);
	ck_assert_int_eq(fake_counted(h, "connections"), 1);
	fake_close(h);
	peer_close(&peer);
}
END_TEST

START_TEST(a_connection_that_the_other_side_closed_is_not_written_to)
{
	peer_open(&peer, AF_INET, SOCK_STREAM);
	struct hsw_handle *h = OPEN_SYSLOG(peer_target(&peer), NULL);

	wait_outcome(h, put_number(h, 0), HSW_DELIVERED);
	for (int n = 1; n < 6; n++) {
		peer_hang_up(&peer);
		/* Seen by the loop before the next message, or found out with it. */
		if (n % 2 == 0)
			fake_run(h, 20);
		wait_outcome(h, put_number(h, n), HSW_DELIVERED);
	}
	peer_wait(h, &peer, 1);
	expect_numbers(peer_take(&peer), 0, 5);
	ck_assert_uint_eq(peer.accepted, 6);
	fake_close(h);
	peer_close(&peer);
}
END_TEST

START_TEST(a_refused_connection_keeps_the_order)
{
	peer_bind(&peer, AF_INET, SOCK_STREAM);
	struct hsw_handle *h = OPEN_SYSLOG(peer_target(&peer), NULL);
	struct hsw_delivery *first = put_number(h, 1), *second = put_number(h, 2);

	ck_assert_int_eq(fake_wait(first)->outcome, HSW_HOLD);
	ck_assert_ptr_nonnull(strstr(fake_result(first)->text, "connect to 127.0.0.1:"));
	ck_assert_ptr_nonnull(strstr(fake_result(first)->text, "refused"));
	ck_assert_int_eq(fake_wait(second)->outcome, HSW_HOLD);
	ck_assert_uint_lt(fake_result(first)->order, fake_result(second)->order);
	peer_listen(&peer);
	wait_outcome(h, put_number(h, 3), HSW_DELIVERED);
	peer_wait(h, &peer, 1);
	expect_numbers(peer_take(&peer), 3, 3);
	fake_close(h);
	peer_close(&peer);
}
END_TEST

START_TEST(a_name_is_looked_up_and_its_addresses_tried)
{
	char target[64];

	peer_open(&peer, AF_INET, SOCK_STREAM);
	snprintf(target, sizeof(target), "tcp://localhost:%u", peer.port);
	struct hsw_handle *h = OPEN_SYSLOG(target, NULL);
	wait_outcome(h, put_number(h, 0), HSW_DELIVERED);
	peer_wait(h, &peer, 1);
	expect_numbers(peer_take(&peer), 0, 0);
	fake_close(h);

	h = OPEN_SYSLOG("tcp://name.invalid", NULL);
	struct hsw_delivery *d = put_number(h, 1);
	ck_assert_int_eq(fake_wait(d)->outcome, HSW_HOLD);
	ck_assert_ptr_nonnull(strstr(fake_result(d)->text, "name.invalid:601: "));
	fake_close(h);
	peer_close(&peer);
}
END_TEST

START_TEST(closing_does_not_wait_for_a_look_up)
{
	peer_open(&peer, AF_INET, SOCK_STREAM);
	for (int i = 0; i < 20; i++) {
		struct hsw_handle *h = OPEN_SYSLOG("tcp://localhost:1", NULL);
		struct hsw_delivery *d = put_number(h, 1);
		fake_run(h, i % 3);
		if (fake_result(d)->state == FAKE_PENDING)
			fake_cancel(d);
		fake_close(h);
	}
	peer_close(&peer);
}
END_TEST

/* A message that the other side's system has no room for. */
static struct hsw_delivery *
put_large(struct hsw_handle *h, size_t len)
{
	char *json = malloc(len);

	ck_assert_ptr_nonnull(json);
	memset(json, 'x', len);
	struct hsw_delivery *d = put_event(h,
		&(struct fake_event){
			.pieces = &(struct fake_piece){ .bytes = json, .len = len }, .count = 1 });
	free(json);
	return d;
}

START_TEST(a_message_that_is_cancelled_half_way_is_completed)
{
	peer_open(&peer, AF_INET, SOCK_STREAM);
	int small = 4096;
	setsockopt(peer.listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	struct hsw_handle *h = OPEN_SYSLOG(peer_target(&peer), "max_message", "1m", NULL);
	peer.reads = false;
	struct hsw_delivery *large[16], *last;

	for (int i = 0; i < 16; i++)
		large[i] = put_large(h, 900000);
	last = put_number(h, 7);
	peer_wait_accepted(h, &peer, 1);
	fake_run(h, 50);
	ck_assert_int_eq(fake_result(last)->state, FAKE_PENDING);
	for (int i = 0; i < 16; i++) {
		if (fake_result(large[i])->state == FAKE_PENDING)
			fake_cancel(large[i]);
	}
	peer.reads = true;
	/* The counts lead from message to message, through all that was begun, to the last one. */
	size_t rest = 0;
	unsigned begun = 0;
	while (fake_result(last)->state == FAKE_PENDING || peer.len > 0) {
		peer_wait(h, &peer, 1);
		const char *got = peer.got;
		size_t len = peer.len;
		while (len > 0 && rest <= len) {
			char *end;
			got += rest, len -= rest, rest = 0;
			if (len < 10)
				break;
			rest = strtoul(got, &end, 10);
			ck_assert_msg(*end == ' ', "no count: %.20s", got);
			begun++;
			got = end + 1;
			len = peer.len - (size_t)(got - peer.got);
			if (strstr(got, "{\"n\":7}") != NULL)
				goto found;
		}
		if (rest > len) {
			rest -= len;
			len = 0;
		}
		memmove(peer.got, peer.got + peer.len - len, len);
		peer.len = len;
	}
	ck_abort_msg("the last message never came");
found:
	ck_assert_uint_ge(begun, 2);
	wait_outcome(h, last, HSW_DELIVERED);
	fake_close(h);
	peer_close(&peer);
}
END_TEST

START_TEST(what_a_broken_connection_had_not_brought_goes_out_again)
{
	peer_open(&peer, AF_INET, SOCK_STREAM);
	struct hsw_handle *h = OPEN_SYSLOG(peer_target(&peer), "max_message", "1m", NULL);
	struct hsw_delivery *d[16];
	size_t missing = 0, bytes = 0;

	peer.reads = false;
	for (int i = 0; i < 16; i++)
		d[i] = put_large(h, 900000);
	peer_wait_accepted(h, &peer, 1);
	fake_run(h, 50);
	for (int i = 0; i < 16; i++)
		missing += fake_result(d[i])->state == FAKE_PENDING;
	ck_assert_uint_ge(missing, 2);
	peer_hang_up(&peer);
	peer.reads = true;
	while (fake_result(d[15])->state == FAKE_PENDING) {
		peer_wait(h, &peer, 0);
		bytes += peer.len;
		peer.len = 0;
	}
	ck_assert_int_eq(fake_result(d[15])->outcome, HSW_DELIVERED);
	ck_assert_uint_eq(peer.accepted, 2);
	for (ssize_t n; (n = recv(peer.fd, peer.got, sizeof(peer.got), MSG_DONTWAIT)) > 0;)
		bytes += (size_t)n;
	ck_assert_uint_ge(bytes, missing * 900000);
	fake_close(h);
	peer_close(&peer);
}
END_TEST

START_TEST(a_delivery_cancelled_while_it_connects_leaves_nothing)
{
	peer_open(&peer, AF_INET, SOCK_STREAM);
	struct hsw_handle *h = OPEN_SYSLOG(peer_target(&peer), NULL);

	fake_cancel(put_number(h, 1));
	struct hsw_delivery *d = put_number(h, 2);
	fake_cancel(put_number(h, 3));
	wait_outcome(h, d, HSW_DELIVERED);
	peer_wait(h, &peer, 1);
	expect_numbers(peer_take(&peer), 2, 2);
	fake_close(h);
	peer_close(&peer);
}
END_TEST

/* ---- datagrams and local streams ------------------------------------------------------------ */

START_TEST(udp_learns_that_nobody_listens)
{
	peer_open(&peer, AF_INET, SOCK_DGRAM);
	peer_close(&peer);
	struct hsw_handle *h = OPEN_SYSLOG(peer_target(&peer), NULL);

	/* The first one is gone: only the answer to it tells. */
	ck_assert_int_eq(fake_wait(put_number(h, 1))->outcome, HSW_DELIVERED);
	fake_run(h, 20);
	struct hsw_delivery *d = put_number(h, 2);
	ck_assert_int_eq(fake_wait(d)->outcome, HSW_RETRY);
	ck_assert_ptr_nonnull(strstr(fake_result(d)->text, "refused"));
	peer_open(&peer, AF_INET, SOCK_DGRAM);
	wait_outcome(h, put_number(h, 3), HSW_DELIVERED);
	peer_wait(h, &peer, 1);
	ck_assert_str_eq(body_of(peer_take(&peer)), "{\"n\":3}");
	fake_close(h);
	peer_close(&peer);
}
END_TEST

START_TEST(a_local_socket_that_was_made_anew_is_found)
{
	peer_open(&peer, AF_UNIX, SOCK_DGRAM);
	struct hsw_handle *h = OPEN_SYSLOG(peer_target(&peer), NULL);

	for (int n = 0; n < 3; n++) {
		wait_outcome(h, put_number(h, n), HSW_DELIVERED);
		peer_wait(h, &peer, 1);
		ck_assert_int_eq(body_of(peer_take(&peer))[5], '0' + n);
		peer_close(&peer);
		if (n == 1)
			ck_assert_int_eq(fake_wait(put_number(h, 9))->outcome, HSW_HOLD);
		peer_open(&peer, AF_UNIX, SOCK_DGRAM);
	}
	fake_close(h);
	peer_close(&peer);
}
END_TEST

START_TEST(a_local_collector_that_is_behind_is_waited_for)
{
	peer_open(&peer, AF_UNIX, SOCK_DGRAM);
	struct hsw_handle *h = OPEN_SYSLOG(peer_target(&peer), NULL);
	struct hsw_delivery *d = NULL;

	/* Far more than its queue takes (net.unix.max_dgram_qlen). */
	peer.reads = false;
	for (int n = 0; n < 2000; n++)
		d = put_number(h, n);
	fake_run(h, 50);
	ck_assert_int_eq(fake_result(d)->state, FAKE_PENDING);
	peer.reads = true;
	wait_outcome(h, d, HSW_DELIVERED);
	fake_close(h);
	peer_close(&peer);
}
END_TEST

START_TEST(a_message_too_long_for_a_datagram_is_a_dead_letter)
{
	peer_open(&peer, AF_UNIX, SOCK_DGRAM);
	struct hsw_handle *h = OPEN_SYSLOG(peer_target(&peer), "max_message", "1m", NULL);
	struct hsw_delivery *large = put_large(h, 900000), *next = put_number(h, 1);

	ck_assert_int_eq(fake_wait(large)->outcome, HSW_REJECT);
	ck_assert_ptr_nonnull(strstr(fake_result(large)->text, "too long"));
	wait_outcome(h, next, HSW_DELIVERED);
	fake_close(h);
	peer_close(&peer);
}
END_TEST

START_TEST(what_was_not_acknowledged_is_sent_again)
{
	peer_open(&peer, AF_UNIX, SOCK_STREAM);
	struct hsw_handle *h = OPEN_SYSLOG(peer_target(&peer), NULL);
	struct hsw_delivery *first, *second;

	/* On a local stream nothing is acknowledged but what was read. */
	peer.reads = false;
	first = put_number(h, 1);
	second = put_number(h, 2);
	peer_wait_accepted(h, &peer, 1);
	fake_run(h, 50);
	ck_assert_int_eq(fake_result(first)->state, FAKE_PENDING);
	peer_hang_up(&peer);
	peer.reads = true;
	wait_outcome(h, second, HSW_DELIVERED);
	ck_assert_int_eq(fake_result(first)->outcome, HSW_DELIVERED);
	peer_wait(h, &peer, 1);
	const char *got = peer_take(&peer);
	ck_assert_ptr_nonnull(strstr(got, "{\"n\":1}\n<30>1 "));
	ck_assert_int_eq(strcmp(strstr(got, "{\"n\":2}"), "{\"n\":2}\n"), 0);
	fake_close(h);
	peer_close(&peer);
}
END_TEST

START_TEST(a_message_under_which_two_connections_broke_is_given_back)
{
	peer_open(&peer, AF_UNIX, SOCK_STREAM);
	struct hsw_handle *h = OPEN_SYSLOG(peer_target(&peer), NULL);

	peer.reads = false;
	struct hsw_delivery *d = put_number(h, 1), *behind = put_number(h, 2);
	for (unsigned n = 1; n <= 2; n++) {
		ck_assert_int_eq(fake_result(d)->state, FAKE_PENDING);
		peer_wait_accepted(h, &peer, n);
		fake_run(h, 20);
		peer_hang_up(&peer);
	}
	ck_assert_int_eq(fake_wait(d)->outcome, HSW_RETRY);
	ck_assert_int_eq(fake_wait(behind)->outcome, HSW_HOLD);
	fake_run(h, 20);
	ck_assert_uint_eq(peer.accepted, 2);
	fake_close(h);
	peer_close(&peer);
}
END_TEST

/* ---- TLS ------------------------------------------------------------------------------------ */

struct tls_server {
	SSL_CTX *ctx;
	int fd;
	unsigned port;
	pthread_t thread;
	char *got;
	size_t len;
	atomic_bool accepted, refused;
	atomic_bool waits;      /* before it reads */
	atomic_bool only_takes; /* what came, and closes */
};

#define SERVER_BYTES (32u << 20) /* that it reads at most */
static char served[SERVER_BYTES];

/* Until nothing comes any more, without a look at it. */
static void
take_all(int fd)
{
	static char bytes[65536];

	for (int idle = 0; idle < 50; idle++) {
		while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
			idle = 0;
		usleep(1000);
	}
}

static void
serve_one(struct tls_server *s, int fd)
{
	SSL *ssl = SSL_new(s->ctx);
	size_t n;

	SSL_set_fd(ssl, fd);
	s->accepted = SSL_accept(ssl) == 1;
	s->refused = !s->accepted;
	while (s->accepted && s->waits)
		usleep(1000);
	if (s->only_takes)
		take_all(fd);
	while (s->accepted && !s->only_takes &&
		SSL_read_ex(ssl, s->got + s->len, SERVER_BYTES - 1 - s->len, &n) == 1)
		s->len += n;
	s->got[s->len] = '\0';
	SSL_free(ssl);
	close(fd);
}

/* Refuses connections, or is refused by them, until there is one to read to its end. */
static void *
serve(void *arg)
{
	struct tls_server *s = arg;
	int fd;

	while (!s->accepted && (fd = accept(s->fd, NULL, NULL)) >= 0)
		serve_one(s, fd);
	return NULL;
}

static unsigned writes;
static void (*before_write)(void);

/* The plugin finds this one. */
__attribute__((visibility("default"))) int
SSL_write_ex(SSL *ssl, const void *bytes, size_t len, size_t *written)
{
	int (*real)(SSL *, const void *, size_t, size_t *) = (int (*)(
		SSL *, const void *, size_t, size_t *))dlsym(RTLD_NEXT, "SSL_write_ex");

	writes++;
	if (before_write != NULL)
		before_write();
	return real(ssl, bytes, len, written);
}

static struct tls_server *refusing; /* before the plugin goes on after its handshake */

/* This one, too. */
__attribute__((visibility("default"))) int
SSL_do_handshake(SSL *ssl)
{
	int (*real)(SSL *) = (int (*)(SSL *))dlsym(RTLD_NEXT, "SSL_do_handshake");
	int rc = real(ssl);

	while (rc == 1 && refusing != NULL && !refusing->refused)
		usleep(1000);
	return rc;
}

static struct cert ca, own, other;

static void
tls_setup(void)
{
	setup();
	ca = cert_new("ca", NULL, NULL);
	own = cert_new("collector", "IP:127.0.0.1", &ca);
	other = cert_new("collector", "DNS:elsewhere.example", &ca);
}

static void
tls_teardown(void)
{
	cert_free(&ca);
	cert_free(&own);
	cert_free(&other);
	syslog_rig_teardown();
}

static void
tls_serve(struct tls_server *s, const struct cert *c, const struct cert *client_ca)
{
	peer.port = 0;
	peer_open(&peer, AF_INET, SOCK_STREAM);
	*s = (struct tls_server){ .ctx = cert_server(c, client_ca),
		.fd = peer.listener,
		.port = peer.port,
		.got = served };
	ck_assert_int_eq(fcntl(s->fd, F_SETFL, 0), 0); /* it may block */
	ck_assert_int_eq(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void
tls_end(struct tls_server *s)
{
	shutdown(s->fd, SHUT_RD); /* ends accept */
	pthread_join(s->thread, NULL);
	SSL_CTX_free(s->ctx);
	close(s->fd);
}

struct tls_files {
	char ca[64], cert[64], key[64];
};

static void
write_files(struct tls_files *f, const struct cert *client)
{
	snprintf(f->ca, sizeof(f->ca), "/tmp/hookswitch-test-%ld-ca.pem", (long)getpid());
	snprintf(f->cert, sizeof(f->cert), "/tmp/hookswitch-test-%ld-cert.pem", (long)getpid());
	snprintf(f->key, sizeof(f->key), "/tmp/hookswitch-test-%ld-key.pem", (long)getpid());
	cert_write(&ca, f->ca);
	cert_write(client, f->cert);
	cert_write_key(client, f->key);
}

static void
remove_files(const struct tls_files *f)
{
	unlink(f->ca);
	unlink(f->cert);
	unlink(f->key);
}

static const char *
tls_target(const struct tls_server *s)
{
	static char text[64];

	snprintf(text, sizeof(text), "tls://127.0.0.1:%u", s->port);
	return text;
}

START_TEST(tls_delivers_to_a_collector_it_knows)
{
	struct tls_server server;
	struct tls_files files;

	write_files(&files, &own);
	/* With a client's certificate, which the collector asks for. */
	tls_serve(&server, &own, &ca);
	struct hsw_handle *h = OPEN_SYSLOG(tls_target(&server), "ca_file", files.ca, "cert_file",
		files.cert, "key_file", files.key, NULL);
	for (int n = 0; n < 5; n++)
		ck_assert_int_eq(fake_wait(put_number(h, n))->outcome, HSW_DELIVERED);
	fake_close(h);
	tls_end(&server);
	expect_numbers(server.got, 0, 4);
	remove_files(&files);
}
END_TEST

START_TEST(tls_says_nothing_to_a_collector_it_does_not_know)
{
	struct tls_files files;
	const struct {
		const struct cert *cert;
		bool with_ca;
	} cases[] = { { &own, false }, { &other, true } };

	write_files(&files, &own);
	for (int i = 0; i < 2; i++) {
		struct tls_server server;
		tls_serve(&server, cases[i].cert, NULL);
		struct hsw_handle *h = OPEN_SYSLOG(
			tls_target(&server), cases[i].with_ca ? "ca_file" : NULL, files.ca, NULL);
		struct hsw_delivery *d = put_number(h, 1);
		ck_assert_int_eq(fake_wait(d)->outcome, HSW_HOLD);
		ck_assert_msg(strstr(fake_result(d)->text, "certificate: ") != NULL, "%s",
			fake_result(d)->text);
		fake_close(h);
		tls_end(&server);
		ck_assert_int_eq(server.len, 0);
	}
	remove_files(&files);
}
END_TEST

/* With TLS 1.3 the handshake is over for us before the collector has looked at our certificate. It gets a moment for
 * that; this one is done in time on any machine. */
START_TEST(a_refused_certificate_of_ours_loses_nothing)
{
	struct tls_server server;
	struct tls_files files;

	write_files(&files, &own);
	tls_serve(&server, &own, &ca);
	refusing = &server;
	struct hsw_handle *h = OPEN_SYSLOG(tls_target(&server), "ca_file", files.ca, NULL);
	struct hsw_delivery *d = put_number(h, 1);
	ck_assert_int_eq(fake_wait(d)->outcome, HSW_HOLD);
	ck_assert_msg(strstr(fake_result(d)->text, "certificate required") != NULL, "%s",
		fake_result(d)->text);
	fake_close(h);
	tls_end(&server);
	ck_assert(!server.accepted);
	remove_files(&files);
}
END_TEST

/* The length of the last message of a stream that has nothing but whole ones. */
static size_t
last_length(const char *stream)
{
	size_t len = 0;
	char *end;

	while (*stream != '\0') {
		len = strtoul(stream, &end, 10);
		ck_assert_msg(
			end > stream && *end == ' ' && end[1] == '<', "no head: %.40s", stream);
		ck_assert_uint_le(len, strlen(end + 1));
		stream = end + 1 + len;
	}
	return len;
}

#define STUCK 1200
#define STUCK_BYTES \
	12000 /* a record has room for 16 KiB: not a byte of the message that is stuck counts as sent */

static atomic_bool refuses;

/* As a collector that looks our certificate up somewhere: its system acknowledges meanwhile. */
static int
refuse_late(int ok, X509_STORE_CTX *ctx)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());

	(void)ok;
	while (!refuses)
		usleep(1000);
	take_all(SSL_get_fd(ssl));
	X509_STORE_CTX_set_error(ctx, X509_V_ERR_CERT_REVOKED);
	return 0;
}

START_TEST(what_is_acknowledged_when_our_certificate_is_refused_late_does_not_count)
{
	struct tls_server server;
	struct tls_files files;
	struct hsw_delivery *stuck[STUCK];
	const int small = 4096;
	int first = 0;

	write_files(&files, &own);
	tls_serve(&server, &own, &ca);
	SSL_CTX_set_verify(server.ctx, SSL_VERIFY_PEER, refuse_late);
	setsockopt(server.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	struct hsw_handle *h = OPEN_SYSLOG(tls_target(&server), "ca_file", files.ca, "cert_file",
		files.cert, "key_file", files.key, "max_message", "64k", NULL);
	for (int i = 0; i < STUCK; i++)
		stuck[i] = put_large(h, STUCK_BYTES);
	while (fake_counted(h, "connections") == 0)
		fake_run(h, 10);
	fake_run(h, 100);
	while (fake_result(stuck[first])->state == FAKE_DONE)
		first++;
	/* Not a turn of the loop between what is acknowledged now and the alert. */
	refuses = true;
	tls_end(&server);
	for (int i = first; i < STUCK; i++)
		ck_assert_int_eq(fake_wait(stuck[i])->outcome, HSW_HOLD);
	ck_assert_uint_eq(fake_logged(h, "alert certificate revoked"), 1);
	fake_close(h);
	remove_files(&files);
}
END_TEST

#define FLIGHT 100
#define BEFORE \
	49 /* messages that the collector's system has acknowledged when it ends the connection */

static struct tls_server *ending;

static void
end_in_mid_flight(void)
{
	if (writes != BEFORE + 1)
		return;
	refuses = true;
	ending->waits = false;
	tls_end(ending);
}

/* Has the collector end the connection while messages are written to it, and expects what becomes of those that were
 * acknowledged. The others find nobody who listens. */
static void
expect_ended(bool is_refused, enum hsw_outcome outcome)
{
	struct tls_server server;
	struct tls_files files;
	struct hsw_delivery *d[FLIGHT];

	write_files(&files, &own);
	tls_serve(&server, &own, &ca);
	if (is_refused)
		SSL_CTX_set_verify(server.ctx, SSL_VERIFY_PEER, refuse_late);
	server.waits = server.only_takes = !is_refused;
	ending = &server;
	before_write = end_in_mid_flight;
	struct hsw_handle *h = OPEN_SYSLOG(tls_target(&server), "ca_file", files.ca, "cert_file",
		files.cert, "key_file", files.key, NULL);
	for (int n = 0; n < FLIGHT; n++)
		d[n] = put_number(h, n);
	for (int n = 0; n < FLIGHT; n++)
		ck_assert_int_eq(fake_wait(d[n])->outcome, n < BEFORE ? outcome : HSW_HOLD);
	ck_assert_uint_gt(writes, BEFORE + 1);
	ck_assert_uint_eq(fake_logged(h, "alert certificate revoked"), is_refused);
	fake_close(h);
	remove_files(&files);
}

START_TEST(a_refusal_that_comes_while_messages_go_out_is_noticed)
{
	expect_ended(true, HSW_HOLD);
}
END_TEST

START_TEST(what_is_acknowledged_when_a_connection_is_closed_counts)
{
	expect_ended(false, HSW_DELIVERED);
}
END_TEST

START_TEST(a_message_that_is_cancelled_in_an_unsent_record_is_completed)
{
	struct tls_server server;
	struct tls_files files;
	struct hsw_delivery *stuck[STUCK];
	const int small = 4096;

	write_files(&files, &own);
	tls_serve(&server, &own, NULL);
	server.waits = true;
	setsockopt(server.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	struct hsw_handle *h = OPEN_SYSLOG(
		tls_target(&server), "ca_file", files.ca, "max_message", "64k", NULL);
	for (int i = 0; i < STUCK; i++)
		stuck[i] = put_large(h, STUCK_BYTES);
	while (!server.accepted)
		fake_run(h, 10);
	fake_run(h, 500);
	ck_assert_int_eq(fake_result(stuck[STUCK - 1])->state, FAKE_PENDING);
	for (int i = 0; i < STUCK; i++) {
		if (fake_result(stuck[i])->state == FAKE_PENDING)
			fake_cancel(stuck[i]);
	}
	struct hsw_delivery *longer = put_large(h, 2 * STUCK_BYTES);
	server.waits = false;
	ck_assert_int_eq(fake_wait(longer)->outcome, HSW_DELIVERED);
	fake_close(h);
	tls_end(&server);
	ck_assert_uint_gt(last_length(server.got), 2 * STUCK_BYTES);
	remove_files(&files);
}
END_TEST

START_TEST(renewed_certificates_are_read_again)
{
	struct tls_server server;
	struct tls_files files;
	struct cert stranger = cert_new("stranger", NULL, NULL);

	write_files(&files, &own);
	cert_write(&stranger, files.ca);
	tls_serve(&server, &own, NULL);
	struct hsw_handle *h = OPEN_SYSLOG(tls_target(&server), "ca_file", files.ca, NULL);
	ck_assert_int_eq(fake_wait(put_number(h, 0))->outcome, HSW_HOLD);
	unlink(files.ca);
	fake_reopen(h);
	ck_assert_uint_eq(fake_logged(h, "keeps the certificates it has"), 1);
	cert_write(&ca, files.ca);
	fake_reopen(h);
	ck_assert_int_eq(fake_wait(put_number(h, 1))->outcome, HSW_DELIVERED);
	fake_close(h);
	tls_end(&server);
	expect_numbers(server.got, 1, 1);
	remove_files(&files);
	cert_free(&stranger);
}
END_TEST

UNIT_MAIN_WITH("sink-syslog-net", tls_setup, tls_teardown,
	tcp_counts_octets_and_keeps_its_connection,
	a_connection_that_the_other_side_closed_is_not_written_to,
	a_refused_connection_keeps_the_order, a_name_is_looked_up_and_its_addresses_tried,
	closing_does_not_wait_for_a_look_up, a_message_that_is_cancelled_half_way_is_completed,
	what_a_broken_connection_had_not_brought_goes_out_again,
	a_delivery_cancelled_while_it_connects_leaves_nothing, udp_learns_that_nobody_listens,
	a_local_socket_that_was_made_anew_is_found, a_local_collector_that_is_behind_is_waited_for,
	a_message_too_long_for_a_datagram_is_a_dead_letter, what_was_not_acknowledged_is_sent_again,
	a_message_under_which_two_connections_broke_is_given_back,
	tls_delivers_to_a_collector_it_knows, tls_says_nothing_to_a_collector_it_does_not_know,
	a_refused_certificate_of_ours_loses_nothing,
	what_is_acknowledged_when_our_certificate_is_refused_late_does_not_count,
	a_refusal_that_comes_while_messages_go_out_is_noticed,
	what_is_acknowledged_when_a_connection_is_closed_counts,
	a_message_that_is_cancelled_in_an_unsent_record_is_completed,
	renewed_certificates_are_read_again)
