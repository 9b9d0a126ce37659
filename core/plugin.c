/* SPDX-License-Identifier: Apache-2.0 */
/* plugin.c - see plugin.h. */
#include "plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "err.h"
#include "option.h"

struct loaded {
	struct plugin plugin; /* first */
	struct stat file;     /* as it was when it was loaded */
	struct loaded *next;
};

/* Never emptied: a plugin stays. It is also what keeps leak checkers quiet. */
static struct loaded *all;

/* What each kind asks of its ops: their size, and which must be there. */
static const struct kind {
	const char *name;
	size_t ops_size;
	const size_t *required; /* offsets of function pointers; 0 ends */
} kinds[] = {
	[HSW_SOURCE] = { "source", sizeof(struct hsw_source_ops),
		(const size_t[]){ offsetof(struct hsw_source_ops, open),
			offsetof(struct hsw_source_ops, translate),
			offsetof(struct hsw_source_ops, close), 0 } },
	[HSW_SINK] = { "sink", sizeof(struct hsw_sink_ops),
		(const size_t[]){ offsetof(struct hsw_sink_ops, open),
			offsetof(struct hsw_sink_ops, close), 0 } },
	[HSW_STORE] = { "store", sizeof(struct hsw_store_ops),
		(const size_t[]){ offsetof(struct hsw_store_ops, open),
			offsetof(struct hsw_store_ops, commit),
			offsetof(struct hsw_store_ops, read),
			offsetof(struct hsw_store_ops, read_seqs),
			offsetof(struct hsw_store_ops, attach),
			offsetof(struct hsw_store_ops, cursors),
			offsetof(struct hsw_store_ops, retries),
			offsetof(struct hsw_store_ops, dead),
			offsetof(struct hsw_store_ops, dead_counts),
			offsetof(struct hsw_store_ops, dead_replay),
			offsetof(struct hsw_store_ops, dead_purge),
			offsetof(struct hsw_store_ops, prune),
			offsetof(struct hsw_store_ops, stats),
			offsetof(struct hsw_store_ops, close),
			offsetof(struct hsw_store_ops, records),
			offsetof(struct hsw_store_ops, detach),
			offsetof(struct hsw_store_ops, memos),
			offsetof(struct hsw_store_ops, forget_memos),
			offsetof(struct hsw_store_ops, usage),
			offsetof(struct hsw_store_ops, dead_expire), 0 } },
};

const char *
plugin_kind_name(enum hsw_kind kind)
{
	return kinds[kind].name;
}

/* How envelopes come to a sink is its choice. */
static bool
has_way_in(const struct hsw_sink_ops *ops)
{
	return ops->flags & HSW_SINK_LIVE ? ops->adopt != NULL && ops->broadcast != NULL
					  : ops->deliver != NULL && ops->cancel != NULL;
}

/* ops begin with their size: an older plugin's are shorter, a newer one's longer. */
static int
copy_ops(struct plugin *p, const struct kind *kind, struct hsw_error *err)
{
	uint32_t size;

	if (p->info->ops == NULL)
		return err_set(err, HSW_EINVAL, "%s: it has no ops", p->path);
	memcpy(&size, p->info->ops, sizeof(size));
	memcpy(&p->ops, p->info->ops, size < kind->ops_size ? size : kind->ops_size);
	for (const size_t *offset = kind->required; *offset != 0; offset++) {
		void *function;
		memcpy(&function, (const char *)&p->ops + *offset, sizeof(function));
		if (function == NULL)
			return err_set(err, HSW_EINVAL,
				"%s: a required operation is missing (number %zu)", p->path,
				(size_t)(offset - kind->required) + 1);
	}
	if (kind == &kinds[HSW_SINK] && !has_way_in(&p->ops.sink))
		return err_set(err, HSW_EINVAL, "%s: a required operation is missing: %s", p->path,
			p->ops.sink.flags & HSW_SINK_LIVE ? "adopt or broadcast"
							  : "deliver or cancel");
	if (kind == &kinds[HSW_SINK] &&
		(p->ops.sink.concurrency < 1 || p->ops.sink.concurrency > 65536))
		return err_set(err, HSW_EINVAL, "%s: concurrency is %u, expected 1 to 65536",
			p->path, p->ops.sink.concurrency);
	return HSW_OK;
}

static int
check_info(struct plugin *p, enum hsw_kind kind, const char *name, struct hsw_error *err)
{
	const struct hsw_plugin *i = p->info;
	struct hsw_error why = { "" };

	if (i->magic != HSW_PLUGIN_MAGIC)
		return err_set(err, HSW_EINVAL, "%s: not a hookswitch plugin (wrong magic number)",
			p->path);
	if (i->abi_major != HSW_ABI_MAJOR || i->abi_minor > HSW_ABI_MINOR)
		return err_set(err, HSW_EINVAL,
			"%s: made for plugin ABI %u.%u, expected %d.0 to %d.%d", p->path,
			i->abi_major, i->abi_minor, HSW_ABI_MAJOR, HSW_ABI_MAJOR, HSW_ABI_MINOR);
	if (i->size < sizeof(struct hsw_plugin))
		return err_set(err, HSW_EINVAL, "%s: its description is %u bytes, expected %zu",
			p->path, i->size, sizeof(struct hsw_plugin));
	if (i->kind != (uint32_t)kind || i->name == NULL || strcmp(i->name, name) != 0)
		return err_set(err, HSW_EINVAL,
			"%s: it says it is %s-%s, expected what its file is called", p->path,
			i->kind >= HSW_SOURCE && i->kind <= HSW_STORE ? kinds[i->kind].name : "?",
			i->name != NULL ? i->name : "?");
	if (i->version == NULL || i->summary == NULL)
		return err_set(err, HSW_EINVAL, "%s: it has no version or summary", p->path);
	if (option_check_table(i->options, i->conf_size, &why) != HSW_OK)
		return err_set(err, HSW_EINVAL, "%s: %s", p->path, why.text);
	return copy_ops(p, &kinds[kind], err);
}

/* The plugins that are Debian packages of their own. */
static const struct {
	enum hsw_kind kind;
	const char *name;
	const char *package;
} packaged[] = {
	{ HSW_STORE, "postgres", "hookswitch-plugin-postgres" },
};

/* Copies the name of one of this kind that is there, in the folder of path, and has nearly this name. */
static bool
find_nearest(const char *path, const char *kind, const char *name, char *out, size_t size)
{
	static const char suffix[] = ".so";
	const char **words = NULL, *nearest = NULL;
	glob_t found = { 0 };
	char *pattern = NULL;

	if (asprintf(&pattern, "%.*s*%s", (int)(strlen(path) - strlen(name) - strlen(suffix)), path,
		    suffix) < 0)
		return false;
	if (glob(pattern, 0, NULL, &found) == 0)
		words = calloc(found.gl_pathc + 1, sizeof(*words));
	if (words != NULL) {
		for (size_t i = 0; i < found.gl_pathc; i++) {
			char *file = strrchr(found.gl_pathv[i], '/') + 1;
			file[strlen(file) - strlen(suffix)] = '\0';
			words[i] = file + strlen(kind) + 1;
		}
		nearest = nearest_word(words, name);
	}
	bool is_found = nearest != NULL;
	snprintf(out, size, "%s", is_found ? nearest : "");
	free(words);
	globfree(&found);
	free(pattern);
	return is_found;
}

static int
fail_load(const char *path, enum hsw_kind kind, const char *name, struct hsw_error *err)
{
	const char *why = dlerror();
	char nearest[NAME_MAX];

	if (access(path, F_OK) == 0 || errno != ENOENT)
		return err_set(err, HSW_ENOENT, "cannot load the plugin: %s", why);
	for (size_t i = 0; i < sizeof(packaged) / sizeof(packaged[0]); i++)
		if (packaged[i].kind == kind && strcmp(packaged[i].name, name) == 0)
			return err_set(err, HSW_ENOENT,
				"cannot load the plugin, install the package %s: no file %s",
				packaged[i].package, path);
	if (find_nearest(path, kinds[kind].name, name, nearest, sizeof(nearest)))
		return err_set(err, HSW_ENOENT,
			"cannot load the plugin, did you mean `%s`? no file %s", nearest, path);
	return err_set(err, HSW_ENOENT, "cannot load the plugin: no file %s", path);
}

static int
open_plugin(struct plugin *p, enum hsw_kind kind, const char *name, struct hsw_error *err)
{
	void *library = dlopen(p->path, RTLD_NOW | RTLD_LOCAL);

	if (library == NULL)
		return fail_load(p->path, kind, name, err);
	p->info = dlsym(library, "hsw_plugin");
	int rc = p->info != NULL
		? check_info(p, kind, name, err)
		: err_set(err, HSW_EINVAL, "%s: not a hookswitch plugin (no symbol hsw_plugin)",
			  p->path);
	if (rc != HSW_OK)
		dlclose(library);
	return rc;
}

static bool
is_plain_name(const char *name)
{
	return *name != '\0' && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

const struct plugin *
plugin_load(const char *dir, enum hsw_kind kind, const char *name, struct hsw_error *err)
{
	char *path = NULL;

	if (!is_plain_name(name)) {
		err_set(err, HSW_EINVAL,
			"`%.60s` is no plugin's name: small letters, digits and - only", name);
		return NULL;
	}
	if (asprintf(&path, "%s/%s-%s.so", dir, kinds[kind].name, name) < 0)
		return NULL;
	for (struct loaded *l = all; l != NULL; l = l->next) {
		if (strcmp(l->plugin.path, path) == 0) {
			free(path);
			return &l->plugin;
		}
	}
	struct loaded *l = calloc(1, sizeof(*l));
	if (l == NULL ||
		(l->plugin.path = path, open_plugin(&l->plugin, kind, name, err)) != HSW_OK) {
		free(path);
		free(l);
		return NULL;
	}
	if (stat(path, &l->file) != 0)
		l->file = (struct stat){ .st_ino = 0 };
	l->next = all;
	all = l;
	return &l->plugin;
}

static bool
is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
		a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

void
plugin_each_replaced(void (*fn)(void *arg, const struct plugin *), void *arg)
{
	struct stat file;

	for (const struct loaded *l = all; l != NULL; l = l->next) {
		if (stat(l->plugin.path, &file) == 0 && !is_same_file(&file, &l->file))
			fn(arg, &l->plugin);
	}
}
