/* SPDX-License-Identifier: Apache-2.0 */
/* store_rig.c - see store_rig.h. */
#include "store_rig.h"

#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <hookswitch/harness.h>

#include "expect.h"

#define GROUP 100
#define TEXT_SIZE 1024
#define PROMISES 4096
#define OPTIONS_MAX 64

const struct hsw_store_ops *ops;
void *store;
struct hsw_error error;

static const struct hsw_plugin *plugin;
static char folder[PATH_MAX];
static pid_t owner; /* of the folder */
static char word[64];
static const char *const *options; /* of rig_use; NULL: STORE_CONF */
static bool keeps_nothing;
static void *conf;

/* ---- the host ---- */

__attribute__((format(printf, 3, 4))) static void
host_log(struct hsw_handle *handle, int level, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	(void)handle;
	expect_ge(level, HSW_LOG_ERROR);
	expect_le(level, HSW_LOG_DEBUG);
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	expect_that(strchr(line, '\n') == NULL, "a log line with a newline: %s", line);
}

static const struct hsw_envelope *
host_ref(const struct hsw_envelope *e)
{
	return e;
}

static void
host_unref(const struct hsw_envelope *e)
{
	(void)e;
}

static const struct hsw_host host = {
	.size = sizeof(struct hsw_host),
	.abi = HSW_ABI_MAJOR << 16 | HSW_ABI_MINOR,
	.log = host_log,
	.ref = host_ref,
	.unref = host_unref,
	.version = "test",
};

/* ---- the configuration ---- */

/* What %d or %n stands for; NULL: it is another text. */
static const char *
meaning_of(const char *text)
{
	if (strncmp(text, "%d", 2) == 0)
		return folder;
	return strncmp(text, "%n", 2) == 0 ? word : NULL;
}

/* Replaces %d and %n. The caller frees the result. */
static char *
expand(const char *text)
{
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	while (*text != '\0') {
		const char *meaning = meaning_of(text);
		if (meaning != NULL)
			fputs(meaning, f);
		else
			fputc(*text, f);
		text += meaning != NULL ? 2 : 1;
	}
	fclose(f);
	return out;
}

/* The options of STORE_CONF, cut out of text. */
static void
read_conf(char *text, const char **pairs)
{
	char *save = NULL;
	size_t n = 0;

	for (char *pair = strtok_r(text, ";", &save); pair != NULL;
		pair = strtok_r(NULL, ";", &save)) {
		char *value = strchr(pair, '='); /* the first one: values may have more */
		expect_that(value != NULL && n < OPTIONS_MAX, "STORE_CONF: no = in %s", pair);
		*value++ = '\0';
		pairs[2 * n] = pair;
		pairs[2 * n++ + 1] = value;
	}
}

static void
make_conf(void)
{
	const char *pairs[2 * OPTIONS_MAX + 1] = { NULL };
	const char *text = getenv("STORE_CONF");
	char *copy = strdup(text != NULL ? text : "path=%d/journal.db");

	if (options == NULL)
		read_conf(copy, pairs);
	for (size_t i = 0; options != NULL && options[i] != NULL && i < 2 * OPTIONS_MAX; i++)
		pairs[i] = options[i];
	for (size_t i = 1; pairs[i - 1] != NULL; i += 2)
		pairs[i] = expand(pairs[i]);
	conf = fake_conf_new(plugin, pairs, &error);
	for (size_t i = 1; pairs[i - 1] != NULL; i += 2)
		free((char *)pairs[i]);
	free(copy);
	expect_that(conf != NULL, "%s", error.text);
}

/* ---- start and end ---- */

void
rig_use(const struct hsw_plugin *p, const char *const *pairs, bool is_volatile)
{
	plugin = p;
	options = pairs;
	keeps_nothing = is_volatile;
}

static void
load(void)
{
	const char *path = getenv("STORE_PLUGIN");

	plugin = fake_load(path != NULL ? path : "plugins/.libs/store-sqlite.so", &error);
	expect_that(plugin != NULL, "%s", error.text);
	expect_eq(plugin->kind, HSW_STORE);
}

static void
prepare(void)
{
	const char *tmp = getenv("TMPDIR");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(word, sizeof(word), "t%d_%ld", (int)getpid(), now.tv_nsec);
	snprintf(folder, sizeof(folder), "%s/store-XXXXXX", tmp != NULL ? tmp : "/tmp");
	expect_ne((intptr_t)mkdtemp(folder), 0);
	if (plugin == NULL)
		load();
	ops = plugin->ops;
	make_conf();
}

static int
delete_one(const char *path, const struct stat *st, int what, struct FTW *ftw)
{
	(void)st;
	(void)what;
	(void)ftw;
	return remove(path);
}

/* Also at the exit of a test that failed or was skipped; not of the processes that a test starts. */
static void
delete_folder(void)
{
	if (folder[0] != '\0' && owner == getpid())
		nftw(folder, delete_one, 8, FTW_DEPTH | FTW_PHYS);
	folder[0] = '\0';
}

void
rig_start(void)
{
	prepare();
	owner = getpid();
	atexit(delete_folder);
	expect_that(rig_open() == HSW_OK, "%s", error.text);
}

void
rig_end(void)
{
	if (store != NULL)
		rig_close();
	delete_folder();
	fake_conf_free(plugin, conf);
}

int
rig_open(void)
{
	error.text[0] = '\0';
	int rc = ops->open(&host, NULL, conf, &store, &error);

	if (rc != HSW_OK)
		store = NULL;
	return rc;
}

void
rig_close(void)
{
	ops->close(store);
	store = NULL;
}

void
rig_reopen(void)
{
	if (keeps_nothing)
		return;
	rig_close();
	expect_that(rig_open() == HSW_OK, "%s", error.text);
}

const char *
rig_path(const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 4];

	expect_lt(snprintf(path, PATH_MAX, "%s/%s", folder, name), PATH_MAX);
	return path;
}

/* ---- writing ---- */

#define MUST(call)                                                                        \
	do {                                                                              \
		int must_rc = (call);                                                     \
		expect_that(must_rc == HSW_OK, "%s: %d: %s", #call, must_rc, error.text); \
	} while (0)

struct hsw_str
str(const char *s)
{
	return (struct hsw_str){ s, strlen(s) };
}

static struct hsw_store_event
event(const char *body, int64_t received_ms)
{
	struct hsw_store_event e = {
		.received_ms = received_ms,
		.instance = str("sales"),
		.type = str("message.exchange"),
		.provider = str("evolution"),
		.key = str("5511999999999@s.whatsapp.net"),
		.layout = str("layout"),
		.body = str(body),
	};

	memcpy(e.id, body, e.body.len < sizeof(e.id) ? e.body.len : sizeof(e.id));
	return e;
}

int
commit_one(struct hsw_write w)
{
	return ops->commit(store, (struct hsw_write *[]){ &w }, 1, &error);
}

int64_t
append(const char *body, int64_t received_ms)
{
	struct hsw_store_event e = event(body, received_ms);

	MUST(commit_one((struct hsw_write){ .kind = HSW_WRITE_EVENT, .event = &e }));
	return e.seq;
}

/* Events whose bodies are the numbers from first on. commit's result. */
static int
append_group(size_t first, size_t n, int64_t received_ms, int64_t *first_seq, int64_t *last_seq)
{
	struct hsw_store_event events[GROUP];
	struct hsw_write writes[GROUP], *batch[GROUP];
	char bodies[GROUP][24];

	for (size_t i = 0; i < n; i++) {
		snprintf(bodies[i], sizeof(bodies[i]), "%zu", first + i);
		events[i] = event(bodies[i], received_ms);
		writes[i] = (struct hsw_write){ .kind = HSW_WRITE_EVENT, .event = &events[i] };
		batch[i] = &writes[i];
	}
	int rc = ops->commit(store, batch, n, &error);
	*first_seq = events[0].seq;
	*last_seq = events[n - 1].seq;
	return rc;
}

int64_t
append_many(size_t n, int64_t received_ms)
{
	int64_t first = 0, last = 0;

	for (size_t done = 0; done < n; done += GROUP)
		MUST(append_group(
			done + 1, n - done < GROUP ? n - done : GROUP, received_ms, &first, &last));
	return last;
}

void
set_cursor(const char *destination, int64_t seq)
{
	MUST(commit_one((struct hsw_write){
		.kind = HSW_WRITE_CURSOR, .destination = str(destination), .seq = seq }));
}

void
set_retry(const char *destination, int64_t seq, int attempts, int64_t due_ms)
{
	MUST(commit_one((struct hsw_write){ .kind = HSW_WRITE_RETRY,
		.destination = str(destination),
		.seq = seq,
		.attempts = attempts,
		.due_ms = due_ms,
		.status = 503,
		.text = str("try later") }));
}

void
set_settled(const char *destination, int64_t seq)
{
	MUST(commit_one((struct hsw_write){
		.kind = HSW_WRITE_SETTLED, .destination = str(destination), .seq = seq }));
}

void
set_dead(const char *destination, int64_t seq, int attempts, int64_t at_ms)
{
	MUST(commit_one((struct hsw_write){ .kind = HSW_WRITE_DEAD,
		.destination = str(destination),
		.seq = seq,
		.attempts = attempts,
		.at_ms = at_ms,
		.status = 410,
		.text = str("gone") }));
}

int64_t
attach(const char *destination)
{
	int64_t cursor = -1;

	MUST(ops->attach(store, str(destination), &cursor, &error));
	return cursor;
}

size_t
prune(int64_t upto, int64_t before_ms, size_t max)
{
	size_t n = SIZE_MAX;

	MUST(ops->prune(store, upto, before_ms, max, &n, &error));
	expect_that(n <= max || n == SIZE_MAX, "prune: %zu of at most %zu", n, max);
	return n;
}

/* ---- reading, as text ---- */

struct text {
	char s[TEXT_SIZE];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void
text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;

	if (t->len > 0 && t->len < sizeof(t->s) - 1)
		t->s[t->len++] = ' ';
	va_start(ap, fmt);
	int n = vsnprintf(t->s + t->len, sizeof(t->s) - t->len, fmt, ap);
	va_end(ap);
	expect_lt(t->len + (size_t)n, sizeof(t->s));
	t->len += (size_t)n;
}

static int
add_seq(void *arg, const struct hsw_store_event *e)
{
	text_add(arg, "%lld", (long long)e->seq);
	return HSW_OK;
}

static int
add_exception(void *arg, const struct hsw_store_exception *x)
{
	expect_eq(x->seq, x->event->seq);
	text_add(arg, "%.*s:%lld", (int)x->destination.len, x->destination.s, (long long)x->seq);
	return HSW_OK;
}

const char *
log_seqs(void)
{
	static struct text text;

	text = (struct text){ "", 0 };
	MUST(ops->read(store, 0, 100, SIZE_MAX, add_seq, &text, &error));
	return text.s;
}

const char *
retries_of(const char *destination)
{
	static struct text text;

	text = (struct text){ "", 0 };
	MUST(ops->retries(store, str(destination), 0, 100, add_exception, &text, &error));
	return text.s;
}

const char *
dead_of(const char *destination)
{
	static struct text text;
	const struct hsw_dead_query q = { .destination = str(destination) };

	text = (struct text){ "", 0 };
	MUST(ops->dead(store, &q, add_exception, &text, &error));
	return text.s;
}

/* ---- kill and recover ---- */

/* What the process says after each commit: these events are on disk. */
struct promise {
	int64_t first_seq, last_seq;
	size_t first_number;
};

static void
commit_without_end(int fd, size_t number_from)
{
	struct promise p;

	for (p.first_number = number_from;;) {
		size_t n = 1 + (size_t)rand() % GROUP;
		if (append_group(p.first_number, n, 1, &p.first_seq, &p.last_seq) != HSW_OK)
			_exit(2);
		if (write(fd, &p, sizeof(p)) != sizeof(p))
			_exit(3);
		set_cursor("crm", p.first_seq);
		set_retry("crm", p.first_seq, 1, 1);
		prune(p.first_seq - 3000, 2, 50);
		p.first_number += n;
	}
}

static int
check_promised(void *arg, const struct hsw_store_event *e)
{
	size_t *number = arg;
	char body[24];

	int len = snprintf(body, sizeof(body), "%zu", *number);
	expect_eq(e->body.len, (size_t)len);
	expect_bytes(e->body.s, body, e->body.len);
	++*number;
	return HSW_OK;
}

static void
check_promise(const struct promise *p)
{
	size_t number = p->first_number;

	MUST(ops->read(store, p->first_seq - 1, (size_t)(p->last_seq - p->first_seq + 1), SIZE_MAX,
		check_promised, &number, &error));
	expect_eq(number - p->first_number, (size_t)(p->last_seq - p->first_seq + 1));
}

/* Runs the process and kills it after so many microseconds. What it promised is in *promises. */
static size_t
run_and_kill(unsigned us, size_t number_from, struct promise *promises, size_t max)
{
	int pipe_fd[2];
	size_t n = 0;

	expect_eq(pipe(pipe_fd), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(pipe_fd[0]);
		srand(us);
		if (rig_open() != HSW_OK)
			_exit(1);
		attach("crm");
		commit_without_end(pipe_fd[1], number_from);
	}
	close(pipe_fd[1]);
	/* The time begins with the first promise: opening is slow under sanitizers. */
	while (n < 1 && read(pipe_fd[0], &promises[n], sizeof(promises[n])) > 0)
		n++;
	usleep(us);
	kill(pid, SIGKILL);
	while (n < max &&
		read(pipe_fd[0], &promises[n], sizeof(promises[n])) == sizeof(promises[n]))
		n++;
	close(pipe_fd[0]);
	int status = 0;
	expect_eq(waitpid(pid, &status, 0), pid);
	expect_that(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
		"the process ended by itself: %d", status);
	return n;
}

void
rig_kill_and_recover(int times, void (*check)(void))
{
	if (keeps_nothing)
		fake_skip("it keeps nothing when it ends");
	static struct promise promises[PROMISES];
	size_t number = 1;

	for (int i = 0; i < times; i++) {
		unsigned us = (unsigned)(getpid() * 7919 + i * 104729) % 60000;
		size_t n = run_and_kill(us, number, promises, PROMISES);
		expect_gt(n, 0);
		expect_that(rig_open() == HSW_OK, "%s", error.text);
		/* Older ones may have been deleted as old. */
		for (size_t k = 0; k < n; k++) {
			if (promises[k].first_seq > promises[n - 1].last_seq - 2800)
				check_promise(&promises[k]);
		}
		expect_ge(attach("crm"), n > 1 ? promises[n - 2].first_seq : 0);
		if (check != NULL)
			check();
		rig_close();
		number = promises[n - 1].first_number + 1000000;
	}
}
