/* SPDX-License-Identifier: Apache-2.0 */
/* store_rig.c - see store_rig.h. */
#include "store_rig.h"

#include <dlfcn.h>
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

#include <check.h>

#define GROUP 100
#define TEXT_SIZE 1024
#define PROMISES 4096

const struct hsw_store_ops *ops;
void *store;
struct hsw_error error;

static const struct hsw_plugin *plugin;
static char folder[PATH_MAX];
static char word[64];
static char *conf_text; /* what the strings in conf are parts of */
static void *conf;

/* ---- the host ---- */

__attribute__((format(printf, 3, 4))) static void
host_log(struct hsw_handle *handle, int level, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	(void)handle;
	ck_assert_int_ge(level, HSW_LOG_ERROR);
	ck_assert_int_le(level, HSW_LOG_DEBUG);
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	ck_assert_msg(strchr(line, '\n') == NULL, "a log line with a newline: %s", line);
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

static int64_t
number(const char *text)
{
	char *end;
	int64_t n = strtoll(text, &end, 10);

	for (const char *unit = "kmg"; *unit != '\0' && *end != '\0'; unit++) {
		n *= 1024;
		if (*end == *unit)
			end++;
	}
	ck_assert_msg(*end == '\0', "the rig cannot read the number %s", text);
	return n;
}

static void
set_option(const struct hsw_option *option, const char *value)
{
	char *member = (char *)conf + option->offset;

	switch (option->type) {
	case HSW_OPT_STRING:
	case HSW_OPT_SECRET:
	case HSW_OPT_URL:
	case HSW_OPT_PATH:
		memcpy(member, &value, sizeof(value));
		return;
	case HSW_OPT_INT:
	case HSW_OPT_SIZE: {
		int64_t n = number(value);
		memcpy(member, &n, sizeof(n));
		return;
	}
	case HSW_OPT_BOOL:
		*member = strcmp(value, "yes") == 0;
		return;
	case HSW_OPT_MSEC: {
		char *unit;
		int64_t ms = strtoll(value, &unit, 10) * 1000;
		ck_assert_msg(strcmp(unit, "s") == 0, "the rig cannot read the time %s", value);
		memcpy(member, &ms, sizeof(ms));
		return;
	}
	case HSW_OPT_LIST:
	case HSW_OPT_ENUM:
		break;
	}
	ck_abort_msg("the rig cannot set the option %s", option->key);
}

static const struct hsw_option *
find_option(const char *key)
{
	for (const struct hsw_option *o = plugin->options; o->key != NULL; o++) {
		if (strcmp(o->key, key) == 0)
			return o;
	}
	ck_abort_msg("%s has no option %s", plugin->name, key);
}

/* Replaces %d and %n. The caller frees the result. */
static char *
expand(const char *text)
{
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	for (; *text != '\0'; text++) {
		if (*text != '%')
			fputc(*text, f);
		else
			fputs(*++text == 'd' ? folder : word, f);
	}
	fclose(f);
	return out;
}

static void
make_conf(void)
{
	const char *text = getenv("STORE_CONF");
	char *save = NULL;

	conf = calloc(1, plugin->conf_size + 1);
	for (const struct hsw_option *o = plugin->options; o->key != NULL; o++) {
		if (o->def != NULL)
			set_option(o, o->def);
	}
	conf_text = expand(text != NULL ? text : "path=%d/journal.db");
	for (char *pair = strtok_r(conf_text, ";", &save); pair != NULL;
		pair = strtok_r(NULL, ";", &save)) {
		char *value = strchr(pair, '='); /* the first one: values may have more */
		ck_assert_msg(value != NULL, "STORE_CONF: no = in %s", pair);
		*value++ = '\0';
		set_option(find_option(pair), value);
	}
}

/* ---- start and end ---- */

static void
load(void)
{
	const char *path = getenv("STORE_PLUGIN");
	if (path == NULL)
		path = "plugins/.libs/store-sqlite.so";
	void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	ck_assert_msg(so != NULL, "%s", dlerror());
	plugin = dlsym(so, "hsw_plugin");
	ck_assert_ptr_nonnull(plugin);
	ck_assert_uint_eq(plugin->magic, HSW_PLUGIN_MAGIC);
	ck_assert_uint_eq(plugin->kind, HSW_STORE);
	ops = plugin->ops;
}

static void
prepare(void)
{
	const char *tmp = getenv("TMPDIR");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(word, sizeof(word), "t%d_%ld", (int)getpid(), now.tv_nsec);
	snprintf(folder, sizeof(folder), "%s/store-XXXXXX", tmp != NULL ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	load();
	make_conf();
}

void
rig_start(void)
{
	prepare();
	ck_assert_msg(rig_open() == HSW_OK, "%s", error.text);
}

static int
delete_one(const char *path, const struct stat *st, int what, struct FTW *ftw)
{
	(void)st;
	(void)what;
	(void)ftw;
	return remove(path);
}

void
rig_end(void)
{
	if (store != NULL)
		rig_close();
	nftw(folder, delete_one, 8, FTW_DEPTH | FTW_PHYS);
	free(conf_text);
	free(conf);
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
	rig_close();
	ck_assert_msg(rig_open() == HSW_OK, "%s", error.text);
}

const char *
rig_path(const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 4];

	ck_assert_int_lt(snprintf(path, PATH_MAX, "%s/%s", folder, name), PATH_MAX);
	return path;
}

/* ---- writing ---- */

#define MUST(call)                                                                          \
	do {                                                                                \
		int must_rc = (call);                                                       \
		ck_assert_msg(must_rc == HSW_OK, "%s: %d: %s", #call, must_rc, error.text); \
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
	ck_assert_uint_le(n, max);
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
	ck_assert_uint_lt(t->len + (size_t)n, sizeof(t->s));
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
	ck_assert_int_eq(x->seq, x->event->seq);
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
	ck_assert_uint_eq(e->body.len, (size_t)len);
	ck_assert_mem_eq(e->body.s, body, e->body.len);
	++*number;
	return HSW_OK;
}

static void
check_promise(const struct promise *p)
{
	size_t number = p->first_number;

	MUST(ops->read(store, p->first_seq - 1, (size_t)(p->last_seq - p->first_seq + 1), SIZE_MAX,
		check_promised, &number, &error));
	ck_assert_uint_eq(number - p->first_number, (size_t)(p->last_seq - p->first_seq + 1));
}

/* Runs the process and kills it after so many microseconds. What it promised is in *promises. */
static size_t
run_and_kill(unsigned us, size_t number_from, struct promise *promises, size_t max)
{
	int pipe_fd[2];
	size_t n = 0;

	ck_assert_int_eq(pipe(pipe_fd), 0);
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
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
		"the process ended by itself: %d", status);
	return n;
}

void
rig_kill_and_recover(int times, void (*check)(void))
{
	static struct promise promises[PROMISES];
	size_t number = 1;

	for (int i = 0; i < times; i++) {
		unsigned us = (unsigned)(getpid() * 7919 + i * 104729) % 60000;
		size_t n = run_and_kill(us, number, promises, PROMISES);
		ck_assert_uint_gt(n, 0);
		ck_assert_msg(rig_open() == HSW_OK, "%s", error.text);
		/* Older ones may have been deleted as old. */
		for (size_t k = 0; k < n; k++) {
			if (promises[k].first_seq > promises[n - 1].last_seq - 2800)
				check_promise(&promises[k]);
		}
		ck_assert_int_ge(attach("crm"), n > 1 ? promises[n - 2].first_seq : 0);
		if (check != NULL)
			check();
		rig_close();
		number = promises[n - 1].first_number + 1000000;
	}
}
