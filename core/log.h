/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - the daemon's log: one line an entry, as text or as a JSON object (RFC 8259).
 *
 * Any thread may log at any time. Every entry is one write(2), so lines of threads do not mix.
 * Bytes that would break the line (control characters, invalid UTF-8) are escaped.
 */
#ifndef LOG_H
#define LOG_H

#include <stdarg.h>

#include <hookswitch/plugin.h>

enum log_format { LOG_TEXT, LOG_JSON };

struct log_settings {
	enum hsw_log_level level;
	enum log_format format;
	const char
		*target; /* "stderr", "syslog" or a file's path; borrowed until log_open returns */
};

/* Opens the target and makes it the one in use; what was in use before is closed. Until the first
 * call, and when it fails, lines go to stderr as text at level info (or to what was in use).
 * HSW_EIO: err says which file and why. */
int log_open(const struct log_settings *, struct hsw_error *err);
/* Opens a log file again by its path (after logrotate). */
void log_reopen(void);
/* Changes how much is logged and in which form; the target stays. */
void log_adjust(enum hsw_log_level, enum log_format);
void log_close(void);

/* Whether a line of this level would be written. */
int log_enabled(enum hsw_log_level level);

/* Writes "who: text"; who ("sink crm", "store", "server") may be NULL. The text ends with a
 * key=value tail where there is something to say: `delivery failed destination=crm status=500`. */
void log_write(enum hsw_log_level level, const char *who, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void log_vwrite(enum hsw_log_level level, const char *who, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

#define log_error(who, ...) log_write(HSW_LOG_ERROR, who, __VA_ARGS__)
#define log_warn(who, ...) log_write(HSW_LOG_WARN, who, __VA_ARGS__)
#define log_info(who, ...) log_write(HSW_LOG_INFO, who, __VA_ARGS__)
#define log_debug(who, ...)                                         \
	do {                                                        \
		if (log_enabled(HSW_LOG_DEBUG))                     \
			log_write(HSW_LOG_DEBUG, who, __VA_ARGS__); \
	} while (0)

#endif
