/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hookswitch/plugin.h - what every plugin and the daemon agree on.
 *
 * A plugin is a shared object <kind>-<name>.so that exports one symbol, `hsw_plugin`, made by
 * HSW_PLUGIN below. It includes these headers and its own libraries, never the daemon's sources,
 * and reaches the daemon only through the function table `struct hsw_host`.
 *
 * Threads. A *handle* is one INI section of a plugin on one of the daemon's threads. All calls of a
 * handle come on that one thread, so a plugin needs no lock. No call may block, but for stores
 * (store.h), which have a thread of their own. A plugin that starts threads itself may call only
 * log, post, ref and unref from them.
 *
 * Ownership. A const pointer, and every struct hsw_str, is borrowed until the call returns, unless
 * the function says otherwise. Nothing is handed over to be freed by the other side.
 *
 * Growth. Structs grow only at their end, within a major version; each side reads no more of the
 * other's struct than its `size` says. struct hsw_option and struct hsw_str are frozen. When something
 * was added that a plugin may use, the next release has a higher minor version: a plugin that was built
 * with it is refused by a daemon that does not have it yet, instead of calling what is not there.
 *   1.1  HSW_EUNPROCESSABLE
 *        hsw_host: is_replay, skip, postpone, extend; hsw_outcome: HSW_HOLD
 *        sinks: broadcast, dismiss, needs, check, gathers, configure, expel, check_each,
 *        check_parts; HSW_SINK_LIVE, HSW_SINK_STATUSES, HSW_OPT_ALONE, HSW_OPT_LINES; hsw_conn: released,
 *        token, flags
 *        sources: challenge, names_instances; hsw_request: phone_of, learn, daemon; hsw_event: instance
 */
#ifndef HOOKSWITCH_PLUGIN_H
#define HOOKSWITCH_PLUGIN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HSW_PLUGIN_MAGIC 0x31575348u /* "HSW1" in a little-endian dump */
#define HSW_ABI_MAJOR 1              /* another one is refused */
#define HSW_ABI_MINOR 1              /* an older one is accepted, a newer one refused */

/* Results of calls: HSW_OK, or one of the negative ones. */
enum hsw_err {
	HSW_OK = 0,
	HSW_EINVAL = -1,         /* malformed input or configuration */
	HSW_ENOMEM = -2,         /* out of memory */
	HSW_EIO = -3,            /* the disk, the network or the other side failed */
	HSW_EAUTH = -4,          /* missing or wrong credential */
	HSW_ENOTSUP = -5,        /* not supported */
	HSW_EAGAIN = -6,         /* not now: ask again later */
	HSW_ELIMIT = -7,         /* a limit is reached: too large, too many, disk full */
	HSW_ECLOSED = -8,        /* stopping or closed */
	HSW_ENOENT = -9,         /* no such thing */
	HSW_EUNPROCESSABLE = -10 /* well-formed, but nothing can be made of it */
};

/* The text of an error: what failed, where, what was expected. Never a secret. */
#define HSW_ERROR_SIZE 256
struct hsw_error {
	char text[HSW_ERROR_SIZE];
};

/* Bytes of a known length. Borrowed; may hold NUL and need not end with one. */
struct hsw_str {
	const char *s;
	size_t len;
};

struct hsw_handle;   /* this section of the plugin on this thread */
struct hsw_timer;    /* a one-shot timer */
struct hsw_watch;    /* interest in a file descriptor */
struct hsw_envelope; /* one canonical event: immutable, counted references */
struct hsw_delivery; /* one attempt to bring an envelope to one destination */
struct hsw_emit;     /* where a source puts its events */

/* ---- options ------------------------------------------------------------------------------ */

/*
 * The type of an option, and the member of the plugin's conf struct that it fills.
 * The daemon parses, checks, documents and frees them; strings live as long as the handle.
 */
enum hsw_opt_type {
	HSW_OPT_STRING, /* const char *; NULL when not set and without default */
	HSW_OPT_SECRET, /* const char *; like a string, but never printed. ${ENV} and @/file work */
	HSW_OPT_URL,    /* const char *; http or https URL with a host and no user info */
	HSW_OPT_PATH,   /* const char *; absolute, or relative to the file that says it */
	HSW_OPT_LIST,   /* const char **; ends with NULL; NULL when not set. Separated by comma */
	HSW_OPT_BOOL,   /* bool (C) of one byte; yes/no, true/false, on/off, 1/0 */
	HSW_OPT_INT,    /* int64_t */
	HSW_OPT_SIZE,   /* int64_t, bytes; 64k, 4m, 1g are powers of 1024 */
	HSW_OPT_MSEC,   /* int64_t, milliseconds; 500ms, 5s, 4m, 1h, 7d */
	HSW_OPT_ENUM    /* int; the index into choices */
};

#define HSW_OPT_REQUIRED 1u   /* the section must set it */
#define HSW_OPT_PER_TARGET 2u /* can also be set for each webhook that is made by the API */
/* Of a sink's texts and paths: no two sections have the same one, unless it has a %, which stands for what is not the
 * same. */
#define HSW_OPT_ALONE 4u
/* Of secrets: @/file is the whole file, each line with its end, the last one too; else its first line alone. */
#define HSW_OPT_LINES 8u

/* One option. A table of them ends with an element whose key is NULL. Frozen for the major. */
struct hsw_option {
	const char *key; /* lower case, words joined by _ */
	enum hsw_opt_type type;
	unsigned flags;   /* HSW_OPT_* bits */
	size_t offset;    /* of the member in the conf struct */
	const char *def;  /* the default as one would write it in the file; NULL: none */
	int64_t min, max; /* bounds of int, size and msec, both included; min = max = 0: none */
	const char *const *choices; /* of an enum, ends with NULL; else NULL */
	const char *help;           /* one or two sentences, shown to people */
};

/* ---- envelopes ---------------------------------------------------------------------------- */

/* The text fields of an envelope, for hsw_host.get. */
enum hsw_field {
	HSW_F_ID,       /* "evt_" and 32 hex digits */
	HSW_F_TYPE,     /* "message.exchange", ... */
	HSW_F_INSTANCE, /* name of the instance */
	HSW_F_PROVIDER, /* name of the source plugin: "evolution" */
	HSW_F_KEY       /* conversation: the chat's jid, or "" */
};

/*
 * Parts of an envelope's JSON that not every destination gets. Everything else always goes.
 * A destination's own set (from media_base64, token, raw and secrets of its section, over the
 * plugin's default) is told by hsw_host.parts.
 */
enum hsw_part {
	HSW_TOKEN = 1u, /* instanceData.token */
	HSW_MEDIA = 2u, /* message.media.base64 */
	HSW_RAW = 4u,   /* source.raw: the provider's own body */
	HSW_CODES = 8u, /* QR and pairing codes of instance.state */
	HSW_KEYS = 16u  /* mediaKey of encrypted media */
};

/* Enough iovecs for any choice of parts, see hsw_host.iov. */
#define HSW_IOV_MAX 20

/* ---- deliveries ---------------------------------------------------------------------------- */

/* How a delivery ended; see hsw_host.done. */
enum hsw_outcome {
	HSW_DELIVERED = 1, /* it arrived: settled */
	HSW_RETRY,         /* it failed, another attempt may help */
	HSW_REJECT,        /* it failed and always will: dead letter at once */
	HSW_GONE,          /* the destination wants nothing any more: it is disabled */
	/* It failed, and so would every other one now, as on a full disk. It counts as no attempt and
	 * keeps its place; the circuit opens at once, and the earliest event is what is tried first,
	 * so that the order is kept. */
	HSW_HOLD
};

/* What is known about an outcome; all members may be 0. */
struct hsw_detail {
	int status;             /* of the protocol, e.g. the HTTP status; 0: none was received */
	int64_t retry_after_ms; /* the other side asked not to come earlier; 0: it did not say */
	/* One line for people and logs, without secrets: why it failed, or what the destination answered.
	 * May be NULL. */
	const char *text;
};

/* ---- the daemon's functions ----------------------------------------------------------------- */

enum hsw_log_level { HSW_LOG_ERROR, HSW_LOG_WARN, HSW_LOG_INFO, HSW_LOG_DEBUG };

struct hsw_host {
	uint32_t size; /* sizeof of the daemon's struct hsw_host */
	uint32_t abi;  /* HSW_ABI_MAJOR << 16 | HSW_ABI_MINOR of the daemon */

	/* ---- any thread ---- */

	/* Writes one line; the section's name is put before it. printf's format; no secret, no
	 * body of an event above HSW_LOG_DEBUG. */
	void (*log)(struct hsw_handle *, int level, const char *fmt, ...)
#if defined(__GNUC__)
		__attribute__((format(printf, 3, 4)))
#endif
		;
	/* Runs fn(arg) on the handle's thread, soon, in the order posted. HSW_ECLOSED: the handle
	 * is being closed and fn will not run. */
	int (*post)(struct hsw_handle *, void (*fn)(void *arg), void *arg);
	/* Takes one more reference; returns its argument. */
	const struct hsw_envelope *(*ref)(const struct hsw_envelope *);
	/* Gives one reference back; NULL is allowed. */
	void (*unref)(const struct hsw_envelope *);

	/* ---- the handle's own thread only ---- */

	/* Milliseconds of a clock that never goes back; its zero means nothing. */
	int64_t (*now_ms)(struct hsw_handle *);
	/* A timer, not running. NULL: out of memory. */
	struct hsw_timer *(*timer_new)(struct hsw_handle *, void (*fn)(void *arg), void *arg);
	/* Runs fn once, ms milliseconds from now, instead of what was set before; ms < 0 stops it. */
	void (*timer_set)(struct hsw_timer *, int64_t ms);
	/* Stops and frees; NULL is allowed. Allowed inside its own fn. */
	void (*timer_free)(struct hsw_timer *);
	/* Watches fd, for nothing yet. fn's `what` is a set of HSW_READ and HSW_WRITE. The fd
	 * stays the plugin's and must be closed only after watch_free. NULL: out of memory. */
	struct hsw_watch *(*watch_new)(struct hsw_handle *, int fd,
		void (*fn)(int fd, unsigned what, void *arg), void *arg);
	/* Sets what is waited for: HSW_READ, HSW_WRITE, both or 0; stays set until changed. */
	void (*watch_set)(struct hsw_watch *, unsigned what);
	/* Stops and frees; NULL is allowed. Allowed inside its own fn. */
	void (*watch_free)(struct hsw_watch *);
	/* Adds n to the counter `hookswitch_<kind>_<metric>_total{name="<section>",label="<label>"}`.
	 * metric: [a-z0-9_]+, a string literal; label: a short bounded set of values, or NULL. */
	void (*count)(struct hsw_handle *, const char *metric, const char *label, int64_t n);

	/* A field of an envelope; valid as long as the envelope. */
	struct hsw_str (*get)(const struct hsw_envelope *, enum hsw_field);
	/* When the daemon received it: milliseconds since 1970, UTC. */
	int64_t (*received_ms)(const struct hsw_envelope *);
	/*
	 * The envelope's JSON text (RFC 8259, UTF-8, one line, no newline at the end) with the wanted
	 * parts, as up to n pieces to be sent in order; valid as long as the envelope. Returns how
	 * many pieces were filled. With n >= HSW_IOV_MAX it always fits; with less, HSW_ELIMIT.
	 */
	int (*iov)(const struct hsw_envelope *, unsigned parts, struct iovec *, int n);

	/* The envelope of a delivery; valid until done or cancel; ref it to keep it longer. */
	const struct hsw_envelope *(*envelope)(const struct hsw_delivery *);
	/* The parts (set of enum hsw_part) that this destination gets. */
	unsigned (*parts)(const struct hsw_delivery *);
	/* 1 for the first attempt, 2 for the first retry, ... */
	int (*attempt)(const struct hsw_delivery *);
	/* The per-target options (the plugin's conf struct) of a destination made by the API, or NULL
	 * for the section's own. */
	const void *(*target)(const struct hsw_delivery *);
	/*
	 * Ends a delivery that deliver() accepted: exactly once, inside deliver() or later, unless
	 * cancel() took it back. detail may be NULL and is borrowed. The delivery must not be touched
	 * afterwards.
	 */
	void (*done)(struct hsw_delivery *, enum hsw_outcome, const struct hsw_detail *detail);
	/* A pointer of the plugin's own on the delivery; NULL at first. For finding its state again
	 * in cancel(). */
	void (*set_data)(struct hsw_delivery *, void *);
	void *(*get_data)(const struct hsw_delivery *);

	/* The daemon's version: "1.0.0". */
	const char *version;

	/* Not 0: the event was settled before, and somebody asked for it to be delivered once more. */
	int (*is_replay)(const struct hsw_delivery *);

	/*
	 * Ends a delivery, in place of done: the section does not want the event, nothing was sent. It is
	 * settled, but counts neither as delivered nor as a sign that the destination is up.
	 */
	void (*skip)(struct hsw_delivery *);

	/*
	 * Starts the delivery's deadline anew: `timeout` + ms from now. For a sink that keeps an event
	 * back before it sends it: at deliver, with the time (ms, 0 or more) that it may keep it; and,
	 * with 0, when it sends it. The last call is also where the time begins that the attempt is said
	 * to have taken, and by which `concurrency = auto` tells a slow destination.
	 */
	void (*postpone)(struct hsw_delivery *, int64_t ms);

	/*
	 * The delivery's deadline is not before ms (0 or more) from now; nothing else begins anew. For a
	 * sink that knows how the delivery ended and waits a moment for what is said of it.
	 */
	void (*extend)(struct hsw_delivery *, int64_t ms);
};

#define HSW_READ 1u  /* watch: readable, or end of file */
#define HSW_WRITE 2u /* watch: writable, or an error that write will report */

/* ---- the plugin itself ---------------------------------------------------------------------- */

enum hsw_kind {
	HSW_SOURCE = 1, /* ops: struct hsw_source_ops of source.h */
	HSW_SINK,       /* ops: struct hsw_sink_ops of sink.h */
	HSW_STORE       /* ops: struct hsw_store_ops of store.h */
};

struct hsw_plugin {
	uint32_t magic; /* HSW_PLUGIN_MAGIC */
	uint32_t size;  /* sizeof(struct hsw_plugin) */
	uint16_t abi_major, abi_minor;
	uint32_t kind;                    /* enum hsw_kind; must match the file's name */
	const char *name;                 /* [a-z0-9-]+; the file is <kind>-<name>.so */
	const char *version;              /* of the plugin, for people */
	const char *summary;              /* one line, for people */
	size_t conf_size;                 /* sizeof of its conf struct, 0 without options */
	const struct hsw_option *options; /* its table; NULL: none */
	const void *ops;
};

#define HSW_EXPORT __attribute__((visibility("default")))

/*
 * Defines the exported symbol. conf_size: sizeof(struct my_conf), or 0. Example:
 *   HSW_PLUGIN(HSW_SINK, "null", "1.0", "throws events away", 0, NULL, &ops);
 */
#define HSW_PLUGIN(kind_, name_, version_, summary_, conf_size_, options_, ops_)            \
	HSW_EXPORT extern const struct hsw_plugin hsw_plugin;                               \
	const struct hsw_plugin hsw_plugin = { HSW_PLUGIN_MAGIC, sizeof(struct hsw_plugin), \
		HSW_ABI_MAJOR, HSW_ABI_MINOR, (kind_), (name_), (version_), (summary_),     \
		(conf_size_), (options_), (ops_) }

#ifdef __cplusplus
}
#endif
#endif
