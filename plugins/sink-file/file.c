/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.c - sink-file: appends envelopes to files, one a line (NDJSON).
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "owner.h"
#include "pattern.h"
#include "queue.h"

#define FSYNC_INTERVAL_DEFAULT "1s"
#define FSYNC_INTERVAL_DEFAULT_MS 1000
/* Deliveries that wait for the write of a turn, or for the disk with fsync = always. */
#define CONCURRENCY 512

struct file_conf {
	const char *path;
	bool utc;
	int fsync;
	int64_t fsync_interval_ms;
	const char *mode;
	const char *user, *group;
	int rotate;
	int64_t max_size_bytes;
	bool compress;
	int64_t keep, keep_age_ms;
};

struct file_sink {
	const struct hsw_host *host;
	struct pattern *pattern;
	struct queue *queue;
};

static const char *const fsync_words[] = {
	[FSYNC_ALWAYS] = "always", [FSYNC_INTERVAL] = "interval", [FSYNC_NEVER] = "never", NULL
};

static const char *const rotate_words[] = {
	[ROTATE_OFF] = "off", [ROTATE_HOURLY] = "hourly", [ROTATE_DAILY] = "daily", NULL
};

#define MEMBER(name) offsetof(struct file_conf, name)

static const struct hsw_option options[] = {
	{ .key = "path",
		.type = HSW_OPT_PATH,
		.flags = HSW_OPT_REQUIRED | HSW_OPT_ALONE,
		.offset = MEMBER(path),
		.help = "File that events are appended to. %{instance} and %{event} stand for the "
			"event's, %Y %m %d %H %M %S and other letters of strftime for the time it "
			"was "
			"received, %% for a percent sign." },
	{ .key = "utc",
		.type = HSW_OPT_BOOL,
		.offset = MEMBER(utc),
		.def = "yes",
		.help = "Whether the dates in path are UTC or local time." },
	{ .key = "fsync",
		.type = HSW_OPT_ENUM,
		.offset = MEMBER(fsync),
		.def = "interval",
		.choices = fsync_words,
		.help = "When events are forced to disk: always, before they count as delivered; "
			"every "
			"fsync_interval; or never, which leaves it to the system." },
	{ .key = "fsync_interval",
		.type = HSW_OPT_MSEC,
		.offset = MEMBER(fsync_interval_ms),
		.def = FSYNC_INTERVAL_DEFAULT,
		.min = 10,
		.max = 3600 * 1000,
		.help = "How much a power failure may cost with fsync = interval." },
	{ .key = "mode",
		.type = HSW_OPT_STRING,
		.offset = MEMBER(mode),
		.def = "0640",
		.help = "Permissions of files that are made, in octal; the umask is taken off. "
			"The owner must be let read and write. Folders "
			"get the same, and may be entered by who may read." },
	{ .key = "user",
		.type = HSW_OPT_STRING,
		.offset = MEMBER(user),
		.help = "Owner of files and folders that are made. Another one than the daemon's "
			"needs root." },
	{ .key = "group",
		.type = HSW_OPT_STRING,
		.offset = MEMBER(group),
		.help = "Their group. One that the daemon is not in needs root." },
	{ .key = "rotate",
		.type = HSW_OPT_ENUM,
		.offset = MEMBER(rotate),
		.def = "off",
		.choices = rotate_words,
		.help = "When a file is renamed to <path>.<time>Z and a new one begun: hourly or "
			"daily, with the first event of a new hour or day; utc says whose." },
	{ .key = "max_size",
		.type = HSW_OPT_SIZE,
		.offset = MEMBER(max_size_bytes),
		.def = "0",
		.max = (int64_t)1 << 50,
		.help = "Size at which a file is rotated, too. 0: none." },
	{ .key = "compress",
		.type = HSW_OPT_BOOL,
		.offset = MEMBER(compress),
		.def = "no",
		.help = "Whether rotated files are compressed (gzip)." },
	{ .key = "keep",
		.type = HSW_OPT_INT,
		.offset = MEMBER(keep),
		.def = "0",
		.max = 1000000,
		.help = "How many rotated files of a path are kept. 0: all." },
	{ .key = "keep_age",
		.type = HSW_OPT_MSEC,
		.offset = MEMBER(keep_age_ms),
		.def = "0s",
		.max = (int64_t)100 * 366 * 24 * 3600 * 1000,
		.help = "How long rotated files are kept. 0s: for ever." },
	{ .key = NULL },
};

/* Files are opened for reading, too: how the last line ends. */
static int
parse_mode(const char *text, mode_t *mode, struct hsw_error *err)
{
	char *end;
	long n = strtol(text, &end, 8);

	if (end == text || *end != '\0' || n < 0 || n > 0777 || (n & 0600) != 0600) {
		snprintf(err->text, sizeof(err->text),
			"mode: \"%s\", expected an octal number like 0640 that lets the owner "
			"read and write",
			text);
		return HSW_EINVAL;
	}
	*mode = (mode_t)n;
	return HSW_OK;
}

/* The folder in front of all patterns must be there: a typing error should not make a new tree. */
static int
check_folder(const struct file_conf *conf, size_t len, struct hsw_error *err)
{
	char folder[PATH_MAX];
	struct stat st;

	if (len >= sizeof(folder))
		return HSW_EINVAL;
	memcpy(folder, len > 0 ? conf->path : ".", len > 0 ? len : 1);
	folder[len > 0 ? len : 1] = '\0';
	if (stat(folder, &st) != 0) {
		snprintf(err->text, sizeof(err->text), "path: folder %.150s: %s", folder,
			strerror(errno));
		return HSW_EINVAL;
	}
	if (!S_ISDIR(st.st_mode)) {
		snprintf(err->text, sizeof(err->text), "path: %.150s is not a folder", folder);
		return HSW_EINVAL;
	}
	if (strchr(conf->path, '%') != NULL || stat(conf->path, &st) != 0 || !S_ISDIR(st.st_mode))
		return HSW_OK;
	snprintf(err->text, sizeof(err->text), "path: %.150s is a folder, expected a file",
		conf->path);
	return HSW_EINVAL;
}

/* What would never do anything is a mistake. */
static int
check_rotation(const struct file_conf *conf, struct hsw_error *err)
{
	if (conf->rotate != ROTATE_OFF || conf->max_size_bytes > 0 ||
		(!conf->compress && conf->keep == 0 && conf->keep_age_ms == 0))
		return HSW_OK;
	snprintf(err->text, sizeof(err->text),
		"compress, keep and keep_age are for files that rotate or max_size rotates");
	return HSW_EINVAL;
}

/* The default cannot be told from what is not set. */
static int
check_fsync(const struct file_conf *conf, struct hsw_error *err)
{
	if (conf->fsync == FSYNC_INTERVAL || conf->fsync_interval_ms == FSYNC_INTERVAL_DEFAULT_MS)
		return HSW_OK;
	snprintf(err->text, sizeof(err->text), "fsync_interval: has no meaning with fsync = %s",
		fsync_words[conf->fsync]);
	return HSW_EINVAL;
}

static void
file_close(void *self)
{
	struct file_sink *s = self;

	queue_free(s->queue);
	pattern_free(s->pattern);
	free(s);
}

/* *owner is who files are made for. fixed_len: of the path's part without patterns, up to its last slash. */
static int
check_conf(const struct file_conf *conf, size_t fixed_len, struct disk_owner *owner,
	struct hsw_error *err)
{
	int rc = check_folder(conf, fixed_len, err);

	if (rc == HSW_OK)
		rc = parse_mode(conf->mode, &owner->mode, err);
	if (rc == HSW_OK)
		rc = owner_find(conf->user, conf->group, owner, err);
	return rc == HSW_OK ? check_rotation(conf, err) : rc;
}

static int
check_path(const struct file_conf *conf, struct hsw_error *err)
{
	struct pattern *pattern = pattern_new(conf->path, conf->utc, err);

	if (pattern == NULL)
		return HSW_EINVAL;
	int rc = check_folder(conf, pattern_fixed_len(pattern), err);
	pattern_free(pattern);
	return rc;
}

static int
check_mode(const struct file_conf *conf, struct hsw_error *err)
{
	mode_t mode;

	return parse_mode(conf->mode, &mode, err);
}

static int
check_user(const struct file_conf *conf, struct hsw_error *err)
{
	struct disk_owner owner;

	return owner_find(conf->user, NULL, &owner, err);
}

static int
check_group(const struct file_conf *conf, struct hsw_error *err)
{
	struct disk_owner owner;

	return owner_find(NULL, conf->group, &owner, err);
}

static void
file_check_each(const void *conf, void (*report)(void *arg, const char *text), void *arg)
{
	static int (*const checks[])(const struct file_conf *, struct hsw_error *) = { check_path,
		check_mode, check_user, check_group, check_fsync, check_rotation };
	struct hsw_error err = { "" };

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (checks[i](conf, &err) != HSW_OK)
			report(arg, err.text);
	}
}

static int
file_check(const void *section, struct hsw_error *err)
{
	const struct file_conf *conf = section;
	struct disk_owner owner;
	struct pattern *pattern = pattern_new(conf->path, conf->utc, err);

	if (pattern == NULL)
		return HSW_EINVAL;
	int rc = check_conf(conf, pattern_fixed_len(pattern), &owner, err);
	pattern_free(pattern);
	return rc == HSW_OK ? check_fsync(conf, err) : rc;
}

/* Fills the sink; what is left is freed by file_close. */
static int
setup(struct file_sink *s, struct hsw_handle *handle, const struct file_conf *conf,
	struct hsw_error *err)
{
	struct queue_settings set = { .fsync = (enum fsync_mode)conf->fsync,
		.fsync_interval_ms = conf->fsync_interval_ms,
		.rotate = (enum rotate_mode)conf->rotate,
		.max_bytes = conf->max_size_bytes,
		.utc = conf->utc,
		.keep = { .compress = conf->compress,
			.keep = conf->keep,
			.keep_age_ms = conf->keep_age_ms } };

	s->pattern = pattern_new(conf->path, conf->utc, err);
	if (s->pattern == NULL)
		return HSW_EINVAL;
	set.fixed_len = pattern_fixed_len(s->pattern);
	int rc = check_conf(conf, set.fixed_len, &set.owner, err);
	if (rc != HSW_OK)
		return rc;
	s->queue = queue_new(s->host, handle, &set);
	if (s->queue != NULL)
		return HSW_OK;
	snprintf(err->text, sizeof(err->text), "out of memory or threads");
	return HSW_ENOMEM;
}

static int
file_open(const struct hsw_host *host, struct hsw_handle *handle, const void *conf, void **self,
	struct hsw_error *err)
{
	struct file_sink *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		snprintf(err->text, sizeof(err->text), "out of memory");
		return HSW_ENOMEM;
	}
	s->host = host;
	int rc = setup(s, handle, conf, err);
	if (rc != HSW_OK)
		file_close(s);
	else
		*self = s;
	return rc;
}

static int
file_deliver(void *self, struct hsw_delivery *delivery)
{
	struct file_sink *s = self;
	const struct hsw_envelope *env = s->host->envelope(delivery);
	const struct pattern_values values = { .instance = s->host->get(env, HSW_F_INSTANCE),
		.event = s->host->get(env, HSW_F_TYPE),
		.time_ms = s->host->received_ms(env) };
	char path[PATH_MAX];

	int rc = pattern_expand(s->pattern, &values, path, sizeof(path));
	return rc == HSW_OK ? queue_put(s->queue, delivery, path) : rc;
}

static void
file_cancel(void *self, struct hsw_delivery *delivery)
{
	struct file_sink *s = self;

	queue_cancel(s->queue, delivery);
}

static void
file_drain(void *self)
{
	struct file_sink *s = self;

	queue_hurry(s->queue);
}

static void
file_reopen(void *self)
{
	struct file_sink *s = self;

	queue_reopen(s->queue);
}

static const struct hsw_sink_ops ops = {
	.size = sizeof(ops),
	.concurrency = CONCURRENCY,
	.parts = 0,
	.flags = HSW_SINK_SERIAL,
	.open = file_open,
	.deliver = file_deliver,
	.cancel = file_cancel,
	.drain = file_drain,
	.close = file_close,
	.reopen = file_reopen,
	.check = file_check,
	.check_each = file_check_each,
};

HSW_PLUGIN(HSW_SINK, "file", "1.0", "appends events to files, one a line (NDJSON)",
	sizeof(struct file_conf), options, &ops);
