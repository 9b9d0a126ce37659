/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.c - see keeper.h.
 *
 * Threads: keeper_look and keeper_free are the handle's; `first`, and `closing` when it is set, are
 * under the lock. The keeper's thread frees the struct, once closing is set, and logs under the
 * lock, so that nothing is logged after keeper_free.
 */
#include "keeper.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "gzip.h"
#include "thread.h"

#define NICENESS 10
#define STAMP_LEN 20 /* 20261121T053348.123Z */

struct job {
	struct job *next;
	char path[];
};

struct keeper {
	const struct hsw_host *host;
	struct hsw_handle *handle;
	struct keeper_settings set;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	atomic_bool closing;
	struct job *first;
};

/* Names in one folder. */
struct names {
	char **name;
	size_t count, size;
};

/* ---- names ---------------------------------------------------------------------------------- */

bool
keeper_name(const char *path, int64_t time_ms, char *to, size_t size)
{
	time_t seconds = (time_t)(time_ms / 1000);
	char stamp[32];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", &tm);
	int len = snprintf(to, size, "%s.%s.%03dZ", path, stamp, (int)(time_ms % 1000));
	return len > 0 && (size_t)len < size;
}

/* Whether s begins with the time of a rotation. */
static bool
is_stamp(const char *s)
{
	static const char shape[STAMP_LEN + 1] = "00000000T000000.000Z";

	for (size_t i = 0; i < STAMP_LEN; i++) {
		bool is_digit = s[i] >= '0' && s[i] <= '9';
		if (shape[i] == '0' ? !is_digit : s[i] != shape[i])
			return false;
	}
	return true;
}

/* Whether name is a rotated file of base: *rest is "" or ".gz" or ".gz.part". */
static bool
is_rotated(const char *name, const char *base, const char **rest)
{
	size_t len = strlen(base);

	if (strncmp(name, base, len) != 0 || name[len] != '.' || !is_stamp(name + len + 1))
		return false;
	*rest = name + len + 1 + STAMP_LEN;
	return (*rest)[0] == '\0' || strcmp(*rest, ".gz") == 0 || strcmp(*rest, ".gz.part") == 0;
}

static bool
names_add(struct names *n, const char *name)
{
	if (n->count == n->size) {
		size_t size = n->size > 0 ? n->size * 2 : 64;
		char **larger = realloc(n->name, size * sizeof(*larger));
		if (larger == NULL)
			return false;
		n->name = larger;
		n->size = size;
	}
	n->name[n->count] = strdup(name);
	return n->name[n->count] != NULL && ++n->count > 0;
}

static void
names_free(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->name[i]);
	free(n->name);
	*n = (struct names){ 0 };
}

/* The last one rotated first; a file stands before its own .gz. */
static int
newest_first(const void *a, const void *b)
{
	const char *left = *(const char *const *)a, *right = *(const char *const *)b;
	size_t stem = strlen(left) < strlen(right) ? strlen(left) : strlen(right);
	int by_time = strncmp(right, left, stem);

	return by_time != 0 ? by_time : strcmp(left, right);
}

/* ---- the work ------------------------------------------------------------------------------- */

static void
complain(struct keeper *k, const char *what, const char *path, int error)
{
	char buffer[128];

	pthread_mutex_lock(&k->lock);
	if (!atomic_load(&k->closing))
		k->host->log(k->handle, HSW_LOG_ERROR, "%s failed path=%s error=\"%s\"", what, path,
			strerror_r(error, buffer, sizeof(buffer)));
	pthread_mutex_unlock(&k->lock);
}

/* All rotated files of folder/base, the newest first. */
static void
list_rotated(struct keeper *k, const char *folder, const char *base, struct names *names)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	const char *rest;

	if (dir == NULL) {
		complain(k, "listing", folder, errno);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (is_rotated(entry->d_name, base, &rest) && !names_add(names, entry->d_name))
			break;
	}
	closedir(dir);
	if (names->count > 0)
		qsort(names->name, names->count, sizeof(*names->name), newest_first);
}

static bool
is_too_old(const struct keeper *k, const char *path)
{
	struct stat st;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return k->set.keep_age_ms > 0 && lstat(path, &st) == 0 &&
		((int64_t)now.tv_sec - st.st_mtim.tv_sec) * 1000 > k->set.keep_age_ms;
}

static void
look_at(struct keeper *k, const char *path, const char *rest, bool is_surplus)
{
	int error = 0;

	if (is_surplus || is_too_old(k, path)) {
		if (unlink(path) != 0 && errno != ENOENT)
			complain(k, "deleting", path, errno);
	} else if (k->set.compress && rest[0] == '\0') {
		error = gzip_file(path, &k->closing);
	}
	if (error != 0 && error != EWOULDBLOCK && error != ECANCELED && error != ENOENT)
		complain(k, "compressing", path, error);
}

static void
look(struct keeper *k, const char *path)
{
	char folder[PATH_MAX], full[PATH_MAX * 2], stem[NAME_MAX + 1] = "";
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;
	struct names names = { 0 };
	int64_t kept = 0;

	snprintf(folder, sizeof(folder), "%.*s", slash > path ? (int)(slash - path) : 1,
		slash != NULL ? path : ".");
	list_rotated(k, folder, base, &names);
	for (size_t i = 0; i < names.count && !atomic_load(&k->closing); i++) {
		const char *name = names.name[i], *rest = "";
		is_rotated(name, base, &rest);
		/* A file and its .gz, which a crash left both, count as one. */
		if (strncmp(name, stem, (size_t)(rest - name)) != 0 || stem[0] == '\0')
			kept++;
		snprintf(stem, sizeof(stem), "%.*s", (int)(rest - name), name);
		snprintf(full, sizeof(full), "%s/%s", folder, name);
		look_at(k, full, rest, k->set.keep > 0 && kept > k->set.keep);
	}
	names_free(&names);
}

/* ---- the thread ----------------------------------------------------------------------------- */

static void
keeper_destroy(struct keeper *k)
{
	struct job *job;

	while ((job = k->first) != NULL) {
		k->first = job->next;
		free(job);
	}
	pthread_mutex_destroy(&k->lock);
	pthread_cond_destroy(&k->changed);
	free(k);
}

static void *
keeper_main(void *arg)
{
	struct keeper *k = arg;
	struct job *job;

	/* Of this thread only, on Linux. */
	setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
	pthread_mutex_lock(&k->lock);
	while (!atomic_load(&k->closing)) {
		if ((job = k->first) == NULL) {
			pthread_cond_wait(&k->changed, &k->lock);
			continue;
		}
		k->first = job->next;
		pthread_mutex_unlock(&k->lock);
		look(k, job->path);
		free(job);
		pthread_mutex_lock(&k->lock);
	}
	pthread_mutex_unlock(&k->lock);
	keeper_destroy(k);
	return NULL;
}

struct keeper *
keeper_new(
	const struct hsw_host *host, struct hsw_handle *handle, const struct keeper_settings *set)
{
	struct keeper *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	k->host = host;
	k->handle = handle;
	k->set = *set;
	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->changed, NULL);
	if (thread_start(keeper_main, k) == HSW_OK)
		return k;
	keeper_destroy(k);
	return NULL;
}

/* Without memory the next look does it. A path that waits already is not put twice, so there are as
 * many jobs as paths. */
void
keeper_look(struct keeper *k, const char *path)
{
	size_t len = strlen(path) + 1;

	pthread_mutex_lock(&k->lock);
	struct job **end = &k->first;
	while (*end != NULL && strcmp((*end)->path, path) != 0)
		end = &(*end)->next;
	struct job *job = *end == NULL ? malloc(sizeof(*job) + len) : NULL;
	if (job != NULL) {
		job->next = NULL;
		memcpy(job->path, path, len);
		*end = job;
		pthread_cond_signal(&k->changed);
	}
	pthread_mutex_unlock(&k->lock);
}

void
keeper_free(struct keeper *k)
{
	if (k == NULL)
		return;
	pthread_mutex_lock(&k->lock);
	atomic_store(&k->closing, true);
	pthread_cond_signal(&k->changed);
	pthread_mutex_unlock(&k->lock);
}
