/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - see log.h.
 *
 * A line is built on the caller's stack and written at once. The target is a file descriptor that is
 * replaced in place (dup2), so writers need no lock.
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "err.h"
#include "shown.h"

#define LINE_MAX_BYTES 4096 /* of a message before escaping; longer ones are cut */

enum target { TARGET_STDERR, TARGET_JOURNAL, TARGET_FILE, TARGET_SYSLOG };

static struct {
	_Atomic int level, format, target;
	_Atomic int fd;
	char *path;
} out = { .level = HSW_LOG_INFO, .format = LOG_TEXT, .target = TARGET_STDERR, .fd = STDERR_FILENO };

static const char *const level_names[] = { "error", "warn", "info", "debug" };
static const int syslog_levels[] = { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

static int
open_file(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

/* systemd says which device and inode its journal's stream is; stderr may have been redirected since
 * (systemd.exec(5), JOURNAL_STREAM). */
static bool
is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
		fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

int
log_open(const struct log_settings *settings, struct hsw_error *err)
{
	bool is_stderr = strcmp(settings->target, "stderr") == 0;
	bool is_syslog = strcmp(settings->target, "syslog") == 0;
	int target = is_syslog ? TARGET_SYSLOG
		: !is_stderr   ? TARGET_FILE
		: is_journal() ? TARGET_JOURNAL
			       : TARGET_STDERR;
	int fd = STDERR_FILENO;

	if (target == TARGET_FILE) {
		fd = open_file(settings->target);
		if (fd < 0)
			return err_set(err, HSW_EIO, "[log] target: cannot open %s: %s",
				settings->target, strerror(errno));
	}
	log_close();
	if (target == TARGET_FILE)
		out.path = strdup(settings->target);
	if (is_syslog)
		openlog("hookswitch", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	atomic_store(&out.fd, fd);
	atomic_store(&out.level, settings->level);
	atomic_store(&out.format, settings->format);
	atomic_store(&out.target, target);
	return HSW_OK;
}

void
log_adjust(enum hsw_log_level level, enum log_format format)
{
	atomic_store(&out.level, level);
	atomic_store(&out.format, format);
}

void
log_reopen(void)
{
	if (atomic_load(&out.target) != TARGET_FILE || out.path == NULL)
		return;
	int fd = open_file(out.path);
	if (fd < 0) {
		log_error("log", "cannot open %s again: %s", out.path, strerror(errno));
		return;
	}
	dup3(fd, atomic_load(&out.fd), O_CLOEXEC);
	close(fd);
}

void
log_close(void)
{
	int target = atomic_exchange(&out.target, TARGET_STDERR);
	int fd = atomic_exchange(&out.fd, STDERR_FILENO);

	if (target == TARGET_FILE)
		close(fd);
	if (target == TARGET_SYSLOG)
		closelog();
	free(out.path);
	out.path = NULL;
}

int
log_enabled(enum hsw_log_level level)
{
	return (int)level <= atomic_load_explicit(&out.level, memory_order_relaxed);
}

static void
append_json_line(struct buf *b, enum hsw_log_level level, const char *who, const char *text)
{
	char time[CLOCK_TEXT_SIZE];

	clock_text(clock_wall_ms(), time);
	buf_printf(b, "{\"time\":\"%s\",\"level\":\"%s\",\"who\":", time, level_names[level]);
	buf_json_cstr(b, who != NULL ? who : "hookswitch");
	buf_str(b, ",\"message\":");
	buf_json_cstr(b, text);
	buf_str(b, "}");
}

/* journald and syslog know the time and level: journald reads the level from "<N>" (sd-daemon(3)). */
static void
append_text_line(
	struct buf *b, int target, enum hsw_log_level level, const char *who, const char *text)
{
	char time[CLOCK_TEXT_SIZE];

	if (target == TARGET_JOURNAL) {
		buf_printf(b, "<%d>", syslog_levels[level]);
	} else if (target != TARGET_SYSLOG) {
		clock_text(clock_wall_ms(), time);
		buf_printf(b, "%s %-5s ", time, level_names[level]);
	}
	if (who != NULL)
		buf_printf(b, "%s: ", who);
	/* A line must stay a line, and what strangers sent does nothing to a terminal. */
	shown_append(b, str_of(text), LINE_MAX_BYTES);
}

void
log_vwrite(enum hsw_log_level level, const char *who, const char *fmt, va_list ap)
{
	char text[LINE_MAX_BYTES];
	struct buf b = BUF_INIT;
	int target = atomic_load_explicit(&out.target, memory_order_relaxed);

	if (!log_enabled(level))
		return;
	vsnprintf(text, sizeof(text), fmt, ap);
	if (atomic_load_explicit(&out.format, memory_order_relaxed) == LOG_JSON)
		append_json_line(&b, level, who, text);
	else
		append_text_line(&b, target, level, who, text);
	buf_append(&b, target == TARGET_SYSLOG ? "" : "\n", 1);
	if (b.failed)
		; /* without memory there is no line */
	else if (target == TARGET_SYSLOG)
		syslog(syslog_levels[level], "%s", b.data);
	else
		(void)!write(atomic_load(&out.fd), b.data, b.len);
	buf_free(&b);
}

void
log_write(enum hsw_log_level level, const char *who, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(level, who, fmt, ap);
	va_end(ap);
}
