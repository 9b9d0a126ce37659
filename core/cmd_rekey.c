/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_rekey.c - `hookswitch rekey`: the stored secrets, encrypted with another key. */
#include "cmd.h"

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "settings.h"
#include "shown.h"

static const char usage[] =
	"Usage: hookswitch rekey [-c FILE] [--old-key-file FILE] [--decrypt]\n"
	"                        [--forget-undecryptable [--yes]]\n"
	"\n"
	"Encrypts the secrets in the store with the encryption_key that the configuration says\n"
	"now, or with ENCRYPTION_KEY of the environment. The daemon must be stopped. The old key\n"
	"is the file's first line, or the environment's OLD_ENCRYPTION_KEY.\n"
	"\n"
	"  -c, --config FILE        the configuration, with the new key\n"
	"  -o, --old-key-file FILE  a file with the old key\n"
	"      --decrypt            makes the secrets readable; there must be no new key\n"
	"      --forget-undecryptable  gives up secrets that cannot be decrypted, when the old "
	"key\n"
	"                           is lost: lists them and asks. What lost one is there, but is\n"
	"                           held back until it is set again\n"
	"  -y, --yes                does not ask\n"
	"  -h, --help               this text\n";

struct rekey {
	const struct config *config;
	struct rekey_order order;
	bool is_agreed; /* --yes */
	size_t n, n_lost;
	int rc;
	struct hsw_error err;
};

static void
rekey(void *arg, const struct store_port *store)
{
	struct rekey *r = arg;

	if (store->ops->alone != NULL)
		r->rc = store->ops->alone(store->self, &r->err);
	if (r->rc == HSW_OK)
		r->rc = settings_rekey(r->config, store, &r->order, &r->n, &r->err);
}

/* ---- what is given up ---- */

/* A label of an earlier version may have anything in it. */
static void
print_lost(void *arg, struct hsw_str kind, struct hsw_str name, const char *member)
{
	struct rekey *r = arg;
	struct buf shown = BUF_INIT;

	r->n_lost++;
	shown_append(&shown, name, name.len);
	printf("cannot be decrypted: %.*s %.*s: %s\n", (int)kind.len, kind.s, (int)shown.len,
		shown.data != NULL ? shown.data : "", member);
	buf_free(&shown);
}

/* On the store's thread, where nothing else waits: there is no daemon. */
static bool
may_lose(void *arg)
{
	const struct rekey *r = arg;
	char answer[8] = "";

	fflush(stdout);
	if (r->is_agreed)
		return true;
	if (!isatty(STDIN_FILENO)) {
		fputs("hookswitch: --forget-undecryptable asks on a terminal, or wants --yes\n",
			stderr);
		return false;
	}
	fprintf(stderr, "Give up %zu secrets? They cannot be brought back. [y/N] ", r->n_lost);
	return fgets(answer, sizeof(answer), stdin) != NULL &&
		(strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0);
}

static void
committed(void *arg, struct store_write *const *jobs, size_t n, int rc)
{
	(void)arg;
	(void)jobs;
	(void)n;
	(void)rc;
}

static int
maintain(void *arg, const struct store_port *store, int64_t *wait_ms, struct hsw_error *err)
{
	(void)arg;
	(void)store;
	(void)err;
	*wait_ms = INT32_MAX;
	return HSW_OK;
}

static int
run(struct rekey *r)
{
	const struct store_hooks hooks = { .committed = committed, .maintain = maintain };
	struct store *store = store_start(r->config, &hooks, &r->err);

	if (store != NULL) {
		store_run(store, rekey, r);
		store_stop(store);
	}
	if (store == NULL || r->rc != HSW_OK) {
		fprintf(stderr, "hookswitch: %s\n", r->err.text);
		return CMD_FAILED;
	}
	printf("records: %zu\n", r->n);
	if (r->order.forgets)
		printf("forgotten secrets: %zu\n", r->n_lost);
	return CMD_OK;
}

/* NULL: there is none, as with a variable without a value. */
static const char *
key_of_environment(void)
{
	const char *key = getenv("OLD_ENCRYPTION_KEY");
	return key != NULL && *key != '\0' ? key : NULL;
}

/* The file's first line. NULL: it was complained about. */
static char *
read_key(const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	ssize_t n = f != NULL ? getline(&line, &size, f) : -1;

	if (f != NULL)
		fclose(f);
	while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
		line[--n] = '\0';
	if (n > 0)
		return line;
	fprintf(stderr, "hookswitch: %s: has no key in its first line\n", path);
	free(line);
	return NULL;
}

static int
with_config(const char *path, struct rekey *r)
{
	struct config_errors errors = { .count = 0 };
	struct config *config = config_load(path, CONFIG_CHECK, &errors);
	int status = CMD_FAILED;

	if (config == NULL) {
		config_errors_print(&errors, stderr);
	} else {
		r->config = config;
		status = run(r);
	}
	config_errors_free(&errors);
	config_free(config);
	return status;
}

int
cmd_rekey(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "old-key-file", required_argument, NULL, 'o' },
		{ "decrypt", no_argument, NULL, 'd' },
		{ "forget-undecryptable", no_argument, NULL, 'f' },
		{ "yes", no_argument, NULL, 'y' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	const char *path = config_default_path, *key_path = NULL;
	struct rekey r = { .order = { .old_key = key_of_environment(),
				   .arg = &r,
				   .lost = print_lost,
				   .may_lose = may_lose } };
	char *key = NULL;
	int c, status;

	while ((c = getopt_long(argc, argv, "c:o:yh", options, NULL)) != -1) {
		switch (c) {
		case 'o':
			key_path = optarg;
			break;
		case 'd':
			r.order.decrypts = true;
			break;
		case 'f':
			r.order.forgets = true;
			break;
		case 'y':
			r.is_agreed = true;
			break;
		default:
			if ((status = cmd_option(c, usage, &path)) >= 0)
				return status;
		}
	}
	if (optind != argc || (r.is_agreed && !r.order.forgets))
		return cmd_wrong_usage(usage);
	if (key_path != NULL) {
		key = read_key(key_path);
		if (key == NULL)
			return CMD_FAILED;
		r.order.old_key = key;
	}
	status = with_config(path, &r);
	free(key);
	return status;
}
