/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_rekey.c - `hookswitch rekey`: the stored secrets, encrypted with another key. */
#include "cmd.h"

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "settings.h"

static const char usage[] =
	"Usage: hookswitch rekey [-c FILE] [--old-key-file FILE] [--decrypt]\n"
	"\n"
	"Encrypts the secrets in the store with the encryption_key that the configuration says\n"
	"now, or with ENCRYPTION_KEY of the environment. The daemon must be stopped. The old key\n"
	"is the file's first line, or the environment's OLD_ENCRYPTION_KEY.\n"
	"\n"
	"  -c, --config FILE        the configuration, with the new key\n"
	"  -o, --old-key-file FILE  a file with the old key\n"
	"      --decrypt            makes the secrets readable; there must be no new key\n"
	"  -h, --help               this text\n";

struct rekey {
	const struct config *config;
	const char *old_key;
	bool decrypts;
	size_t n;
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
		r->rc = settings_rekey(r->config, store, r->old_key, r->decrypts, &r->n, &r->err);
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
	return CMD_OK;
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
		{ "decrypt", no_argument, NULL, 'd' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	const char *path = config_default_path, *key_path = NULL;
	struct rekey r = { .old_key = getenv("OLD_ENCRYPTION_KEY") };
	char *key = NULL;
	int c, status;

	while ((c = getopt_long(argc, argv, "c:o:h", options, NULL)) != -1) {
		switch (c) {
		case 'o':
			key_path = optarg;
			break;
		case 'd':
			r.decrypts = true;
			break;
		default:
			if ((status = cmd_option(c, usage, &path)) >= 0)
				return status;
		}
	}
	if (optind != argc)
		return cmd_wrong_usage(usage);
	if (key_path != NULL) {
		key = read_key(key_path);
		if (key == NULL)
			return CMD_FAILED;
		r.old_key = key;
	}
	status = with_config(path, &r);
	free(key);
	return status;
}
