/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_migrate.c - `hookswitch migrate`: everything of one store copied into another one. */
#include "cmd.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "err.h"
#include "host.h"
#include "migrate.h"
#include "option.h"
#include "plugin.h"

#define BAR_WIDTH 30
#define SHOW_EVERY_MS 100
#define SETTINGS_MAX 16

static const char usage[] =
	"Usage: hookswitch migrate --from PLUGIN:PLACE --to PLUGIN:PLACE [OPTION...]\n"
	"\n"
	"Copies the configuration made at run time, the journal, retries and dead letters from "
	"one\n"
	"store into another one, which must be new. No daemon may use either. When it was\n"
	"interrupted, the same command goes on where it was.\n"
	"\n"
	"  -f, --from PLUGIN:PLACE    the source: sqlite:FILE or postgres:DSN. It is not changed\n"
	"  -t, --to PLUGIN:PLACE      the target\n"
	"  -F, --from-set KEY=VALUE   another option of the source, as in [store]; may come often\n"
	"  -T, --to-set KEY=VALUE     the same of the target\n"
	"  -c, --config FILE          take plugin_dir from this configuration\n"
	"  -d, --plugin-dir DIR       look for plugins there\n"
	"  -h, --help                 this text\n";

struct side {
	const char *place; /* PLUGIN:PLACE */
	const char *settings[SETTINGS_MAX];
	size_t n_settings;
	const struct plugin *plugin;
	void *conf;
	struct hsw_handle *handle;
	struct migrate_side store;
	bool is_open;
};

/* ---- opening ---- */

static bool
is_set(void *arg, const char *key)
{
	const struct side *s = arg;
	size_t len = strlen(key);

	for (size_t i = 0; i < s->n_settings; i++) {
		if (strncmp(s->settings[i], key, len) == 0 && s->settings[i][len] == '=')
			return true;
	}
	const struct hsw_option *o = option_find(s->plugin->info->options, key);
	return (o->flags & HSW_OPT_REQUIRED) != 0;
}

static int
set_option(struct side *s, const char *setting, struct hsw_error *err)
{
	size_t len = strcspn(setting, "=");
	char key[64];

	snprintf(key, sizeof(key), "%.*s", (int)(len < sizeof(key) ? len : 0), setting);
	const struct hsw_option *o = option_find(s->plugin->info->options, key);
	if (o == NULL || setting[len] != '=')
		return err_set(err, HSW_EINVAL,
			"expected KEY=VALUE with an option of store-%s, found %.60s",
			s->plugin->info->name, setting);
	return option_set(o, s->conf, setting + len + 1, NULL, err);
}

/* PLACE is the value of the option that the plugin requires. */
static int
set_place(struct side *s, const char *place, struct hsw_error *err)
{
	for (const struct hsw_option *o = s->plugin->info->options; o->key != NULL; o++) {
		if ((o->flags & HSW_OPT_REQUIRED) != 0)
			return option_set(o, s->conf, place, NULL, err);
	}
	return err_set(err, HSW_EINVAL, "store-%s has no place", s->plugin->info->name);
}

static int
make_conf(struct side *s, const char *place, struct hsw_error *err)
{
	s->conf = calloc(1, s->plugin->info->conf_size + 1);
	if (s->conf == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	int rc = option_defaults(s->plugin->info->options, s->conf, is_set, s);
	if (rc == HSW_OK)
		rc = set_place(s, place, err);
	for (size_t i = 0; i < s->n_settings && rc == HSW_OK; i++)
		rc = set_option(s, s->settings[i], err);
	return rc;
}

static int
side_load(struct side *s, const char *dir, struct hsw_error *err)
{
	char name[64];
	size_t len = strcspn(s->place, ":");

	if (s->place[len] != ':' || len == 0 || len >= sizeof(name))
		return err_set(err, HSW_EINVAL, "expected PLUGIN:PLACE, such as sqlite:/var/x.db");
	snprintf(name, sizeof(name), "%.*s", (int)len, s->place);
	s->plugin = plugin_load(dir, HSW_STORE, name, err);
	if (s->plugin == NULL)
		return HSW_EINVAL;
	int rc = make_conf(s, s->place + len + 1, err);
	if (rc != HSW_OK)
		return rc;
	s->handle = host_handle_new("store", NULL);
	if (s->handle == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	s->store.ops = &s->plugin->ops.store;
	return HSW_OK;
}

static const char *
text_of(const struct side *s, const struct hsw_option *o)
{
	const char *text = *(const char *const *)((const char *)s->conf + o->offset);

	return text != NULL ? text : "";
}

static bool
is_same_file(const char *one, const char *two)
{
	struct stat a, b;

	return stat(one, &a) == 0 && stat(two, &b) == 0 && a.st_dev == b.st_dev &&
		a.st_ino == b.st_ino;
}

/* One server under two names is found when it is opened: it is in use then. */
static bool
is_same_store(const struct side *a, const struct side *b)
{
	if (strcmp(a->plugin->info->name, b->plugin->info->name) != 0)
		return false;
	for (const struct hsw_option *o = a->plugin->info->options; o->key != NULL; o++) {
		bool is_path = o->type == HSW_OPT_PATH;
		if (!is_path && o->type != HSW_OPT_STRING && o->type != HSW_OPT_SECRET)
			continue;
		const char *one = text_of(a, o), *two = text_of(b, o);
		if (strcmp(one, two) != 0 && !(is_path && is_same_file(one, two)))
			return false;
	}
	return true;
}

/* A source that was mistyped must not come to be by being opened. */
static int
check_sides(const struct side *from, const struct side *to, struct hsw_error *err)
{
	if (is_same_store(from, to))
		return err_set(err, HSW_EINVAL, "source and target are the same");
	if (from->store.ops->exists == NULL)
		return HSW_OK;
	return from->store.ops->exists(host_functions(), from->handle, from->conf, err);
}

static int
side_open(struct side *s, struct hsw_error *err)
{
	int rc = s->store.ops->open(host_functions(), s->handle, s->conf, &s->store.self, err);

	s->is_open = rc == HSW_OK;
	if (rc == HSW_OK && s->store.ops->alone != NULL)
		rc = s->store.ops->alone(s->store.self, err);
	return rc;
}

static void
side_close(struct side *s)
{
	if (s->is_open)
		s->store.ops->close(s->store.self);
	host_handle_free(s->handle);
	if (s->conf != NULL)
		option_free(s->plugin->info->options, s->conf);
	free(s->conf);
}

/* ---- progress ---- */

struct screen {
	bool is_terminal;
	int64_t shown_at, began_at;
	const char *what;
};

static void
show(void *arg, const char *what, int64_t done, int64_t all)
{
	struct screen *s = arg;
	int64_t now = clock_mono_ms();
	bool is_new = s->what == NULL || strcmp(s->what, what) != 0;

	if (is_new)
		s->began_at = now;
	if (!s->is_terminal && is_new)
		fprintf(stderr, "%s\n", what);
	s->what = what;
	if (!s->is_terminal || (!is_new && now < s->shown_at + SHOW_EVERY_MS && done < all))
		return;
	s->shown_at = now;
	char bar[BAR_WIDTH + 1] = "";
	int64_t filled = all > 0 && done <= all ? done * BAR_WIDTH / all : 0;
	memset(bar, ' ', BAR_WIDTH);
	memset(bar, '#', (size_t)filled);
	int64_t rate = now > s->began_at ? done * 1000 / (now - s->began_at) : 0;
	fprintf(stderr, "\r%-24s [%s] %lld", what, all > 0 ? bar : "", (long long)done);
	if (all > 0)
		fprintf(stderr, " of %lld", (long long)all);
	fprintf(stderr, ", %lld/s\033[K", (long long)rate);
}

static int
run(struct side *from, struct side *to, const char *dir)
{
	struct screen screen = { .is_terminal = isatty(STDERR_FILENO) };
	struct migrate_counts c;
	struct hsw_error err = { "" };
	int rc = side_load(from, dir, &err);

	if (rc == HSW_OK)
		rc = side_load(to, dir, &err);
	if (rc == HSW_OK)
		rc = check_sides(from, to, &err);
	if (rc == HSW_OK)
		rc = side_open(from, &err);
	if (rc == HSW_OK)
		rc = side_open(to, &err);
	if (rc == HSW_OK)
		rc = migrate(&from->store, &to->store, show, &screen, &c, &err);
	if (screen.is_terminal && screen.what != NULL)
		fputs("\n", stderr);
	side_close(to);
	side_close(from);
	if (rc != HSW_OK) {
		fprintf(stderr, "hookswitch: %s\n", err.text);
		return CMD_FAILED;
	}
	printf("copied and verified: events=%lld retries=%lld dead=%lld destinations=%lld "
	       "records=%lld memos=%lld\n",
		(long long)c.events, (long long)c.retries, (long long)c.dead,
		(long long)c.destinations, (long long)c.records, (long long)c.memos);
	return CMD_OK;
}

static int
with_config(struct side *from, struct side *to, const char *path)
{
	struct config *config = cmd_client_config(path);
	int status = config != NULL ? run(from, to, config->server.plugin_dir) : CMD_FAILED;

	config_free(config);
	return status;
}

static bool
add_setting(struct side *s, const char *setting)
{
	if (s->n_settings == SETTINGS_MAX)
		return false;
	s->settings[s->n_settings++] = setting;
	return true;
}

int
cmd_migrate(int argc, char **argv)
{
	static const struct option options[] = { { "from", required_argument, NULL, 'f' },
		{ "to", required_argument, NULL, 't' },
		{ "from-set", required_argument, NULL, 'F' },
		{ "to-set", required_argument, NULL, 'T' },
		{ "config", required_argument, NULL, 'c' },
		{ "plugin-dir", required_argument, NULL, 'd' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	struct side from = { .place = NULL }, to = { .place = NULL };
	const char *dir = PLUGIN_DIR, *path = NULL;
	bool is_good = true;
	int c;

	while ((c = getopt_long(argc, argv, "f:t:F:T:c:d:h", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			from.place = optarg;
			break;
		case 't':
			to.place = optarg;
			break;
		case 'F':
			is_good &= add_setting(&from, optarg);
			break;
		case 'T':
			is_good &= add_setting(&to, optarg);
			break;
		case 'c':
			path = optarg;
			break;
		case 'd':
			dir = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return CMD_OK;
		default:
			is_good = false;
		}
	}
	if (!is_good || optind != argc || from.place == NULL || to.place == NULL)
		return cmd_wrong_usage(usage);
	return path != NULL ? with_config(&from, &to, path) : run(&from, &to, dir);
}
