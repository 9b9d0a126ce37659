/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_plugins_new.c - `hookswitch plugins new`: a folder with a plugin to begin with, from the templates. */
#include "cmd_plugins.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "cmd.h"

#define NAME_MARK "NAME"
#define PATH_SIZE 4096
#define NAME_LENGTH_MAX 64

/* "sink-foo": a kind that there are templates of, and a name that a plugin may have. */
static bool
split(const char *wanted, char *kind, size_t size, const char **name)
{
	const char *dash = strchr(wanted, '-');

	if (dash == NULL || (size_t)(dash - wanted) >= size)
		return false;
	snprintf(kind, size, "%.*s", (int)(dash - wanted), wanted);
	*name = dash + 1;
	size_t n = strspn(*name, "abcdefghijklmnopqrstuvwxyz0123456789-");
	bool is_kind = strcmp(kind, "source") == 0 || strcmp(kind, "sink") == 0 ||
		strcmp(kind, "store") == 0;
	return is_kind && n > 0 && n <= NAME_LENGTH_MAX && (*name)[n] == '\0' &&
		islower((unsigned char)**name);
}

/* @NAME@ becomes the name, @METRIC@ the name as metrics may have it. */
static void
fill_in(struct buf *out, const char *text, const char *name)
{
	while (*text != '\0') {
		if (strncmp(text, "@NAME@", 6) == 0) {
			buf_append(out, name, strlen(name));
			text += 6;
		} else if (strncmp(text, "@METRIC@", 8) == 0) {
			for (const char *c = name; *c != '\0'; c++)
				buf_append(out, *c == '-' ? "_" : c, 1);
			text += 8;
		} else {
			buf_append(out, text++, 1);
		}
	}
}

static int
copy(const char *from, const char *to, const char *name)
{
	struct buf text = BUF_INIT, filled = BUF_INIT;
	char piece[4096];
	size_t n;
	FILE *in = fopen(from, "r");
	FILE *out = in != NULL ? fopen(to, "wx") : NULL;

	while (out != NULL && (n = fread(piece, 1, sizeof(piece), in)) > 0)
		buf_append(&text, piece, n);
	buf_append(&text, "", 1);
	if (out != NULL && !text.failed)
		fill_in(&filled, text.data, name);
	bool is_good = out != NULL && !text.failed && !filled.failed && !ferror(in) &&
		fwrite(filled.data, 1, filled.len, out) == filled.len;
	if (out != NULL && fclose(out) != 0)
		is_good = false;
	if (!is_good)
		fprintf(stderr, "hookswitch: cannot write %s from %s: %s\n", to, from,
			strerror(errno));
	if (in != NULL)
		fclose(in);
	buf_free(&text);
	buf_free(&filled);
	return is_good ? CMD_OK : CMD_FAILED;
}

/* A file NAME.c becomes foo.c. */
static int
copy_one(const char *templates, const char *file, const char *folder, const char *name)
{
	char from[PATH_SIZE], to[PATH_SIZE];
	const char *rest = file;
	bool is_named = strncmp(file, NAME_MARK ".", sizeof(NAME_MARK)) == 0;

	if (is_named)
		rest += sizeof(NAME_MARK) - 1;
	int a = snprintf(from, sizeof(from), "%s/%s", templates, file);
	int b = snprintf(to, sizeof(to), "%s/%s%s", folder, is_named ? name : "", rest);
	if (a < 0 || (size_t)a >= sizeof(from) || b < 0 || (size_t)b >= sizeof(to)) {
		fprintf(stderr, "hookswitch: %s: too long a path\n", file);
		return CMD_FAILED;
	}
	return copy(from, to, name);
}

int
cmd_plugins_new(const char *templates, const char *plugins, const char *wanted)
{
	char kind[16], path[PATH_SIZE];
	const char *name;
	int status = CMD_OK;

	if (!split(wanted, kind, sizeof(kind), &name)) {
		fprintf(stderr,
			"hookswitch: %s: expected source-NAME, sink-NAME or store-NAME, the name "
			"of "
			"1 to %d of a-z, 0-9 and -, with a letter first\n",
			wanted, NAME_LENGTH_MAX);
		return CMD_USAGE;
	}
	snprintf(path, sizeof(path), "%s/%s.so", plugins, wanted);
	if (access(path, F_OK) == 0) {
		fprintf(stderr, "hookswitch: %s has this name: take another one than %s\n", path,
			wanted);
		return CMD_FAILED;
	}
	snprintf(path, sizeof(path), "%s/%s", templates, kind);
	DIR *dir = opendir(path);
	if (dir == NULL) {
		fprintf(stderr,
			"hookswitch: no templates in %s: %s (on Debian: libhookswitch-dev)\n", path,
			strerror(errno));
		return CMD_FAILED;
	}
	if (mkdir(wanted, 0777) != 0) {
		fprintf(stderr, "hookswitch: cannot make the folder %s: %s\n", wanted,
			strerror(errno));
		status = CMD_FAILED;
	}
	struct dirent *e;
	while (status == CMD_OK && (e = readdir(dir)) != NULL) {
		if (e->d_name[0] != '.')
			status = copy_one(path, e->d_name, wanted, name);
	}
	closedir(dir);
	if (status == CMD_OK)
		printf("%s is there. Next: make -C %s check\n", wanted, wanted);
	return status;
}
