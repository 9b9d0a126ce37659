/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of reading INI files: what is taken, what is refused and where. */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ini.h"

static char folder[64], path[128];
static struct ini ini;
static struct config_errors errors;

static void
begin(void)
{
	snprintf(folder, sizeof(folder), "/tmp/test_ini.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a.ini", folder);
	errors.count = 0;
}

static void
end(void)
{
	char command[128];

	ini_free(&ini);
	config_errors_free(&errors);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	ck_assert_int_eq(system(command), 0);
}

static void
put(const char *name, const char *text, size_t len)
{
	char file[128];

	snprintf(file, sizeof(file), "%s/%s", folder, name);
	FILE *f = fopen(file, "w");
	ck_assert_uint_eq(fwrite(text, 1, len, f), len);
	fclose(f);
}

static void
read_text(const char *text)
{
	put("a.ini", text, strlen(text));
	ini_read(&ini, path, &errors);
}

static const struct ini_entry *
entry(int section, int number)
{
	const struct ini_section *s = ini.sections;
	while (section-- > 0)
		s = s->next;
	const struct ini_entry *e = s->entries;
	while (number-- > 0)
		e = e->next;
	return e;
}

static void
assert_error(size_t i, const char *place, const char *word)
{
	ck_assert_uint_gt(errors.count, i);
	ck_assert_msg(strstr(errors.text[i], place) != NULL && strstr(errors.text[i], word) != NULL,
		"%s", errors.text[i]);
}

START_TEST(values_comments_and_quotes)
{
	read_text("\xef\xbb\xbf; first\n\n[server] ; why\n a = b ; c\r\nurl = http://x/#part;a\n"
		  "q = \"x ; y # \\\" \\\\\" # end\nempty =\n[sink crm]\nk = 1\n[sink \"x y\"]\n");
	ck_assert_uint_eq(errors.count, 0);
	ck_assert_str_eq(entry(0, 0)->value, "b");
	ck_assert_int_eq(entry(0, 0)->line, 4);
	ck_assert_str_eq(entry(0, 1)->value, "http://x/#part;a");
	ck_assert_str_eq(entry(0, 2)->value, "x ; y # \" \\");
	ck_assert_str_eq(entry(0, 3)->value, "");
	ck_assert_str_eq(ini.sections->next->name, "crm");
	ck_assert_str_eq(ini.sections->next->next->name, "x y");
}
END_TEST

START_TEST(every_mistake_is_told_with_its_line)
{
	read_text(
		"key = 1\n[a\n[b]\nnothing\n= 3\nq = \"open\nq = \"a\" b\nx = 1\nx = 2\n[b]\n[]\n");
	ck_assert_uint_eq(errors.count, 9);
	assert_error(0, "a.ini:1:", "before the first");
	assert_error(1, "a.ini:2:", "[kind]");
	assert_error(2, "a.ini:4:", "nothing");
	assert_error(3, "a.ini:5:", "no key");
	assert_error(4, "a.ini:6:", "must end");
	assert_error(5, "a.ini:7:", "closing");
	assert_error(6, "a.ini:9:", "a.ini:8");
	assert_error(7, "a.ini:10:", "a.ini:3");
	assert_error(8, "a.ini:11:", "needs a name");
}
END_TEST

START_TEST(includes_are_read_in_order_relative_to_their_file)
{
	char sub[128];

	snprintf(sub, sizeof(sub), "%s/conf.d", folder);
	mkdir(sub, 0700);
	put("conf.d/2.ini", "[z]\n", 4);
	put("conf.d/1.ini", "[y]\ninclude = ../c.ini\n", 23);
	put("c.ini", "[c]\n", 4);
	read_text("[a]\ninclude = conf.d/*.ini\nk = 1\ninclude = none.d/*.ini\n");
	ck_assert_uint_eq(errors.count, 0);
	ck_assert_str_eq(ini.sections->kind, "a");
	ck_assert_str_eq(entry(0, 0)->value, "1");
	ck_assert_str_eq(ini.sections->next->kind, "y");
	ck_assert_str_eq(ini.sections->next->next->kind, "c");
	ck_assert_str_eq(ini.sections->next->next->next->kind, "z");
}
END_TEST

START_TEST(cycles_and_missing_files_are_refused)
{
	read_text("include = a.ini\ninclude = missing.ini\n");
	ck_assert_uint_eq(errors.count, 2);
	assert_error(0, "a.ini:1:", "twice");
	assert_error(1, "a.ini:2:", "no such file");
	config_errors_free(&errors);
	ini_free(&ini);
	ini_read(&ini, "/nonexistent/x.ini", &errors);
	assert_error(0, "/nonexistent/x.ini", "No such file");
}
END_TEST

/* Where they counted as empty, the sinks in them would be gone. */
START_TEST(folders_and_files_that_cannot_be_read_are_refused)
{
	char loop[128];

	snprintf(loop, sizeof(loop), "%s/loop.d", folder);
	ck_assert_int_eq(symlink("loop.d", loop), 0);
	read_text("[a]\nk = 1\ninclude = loop.d/*.ini\n");
	ck_assert_uint_eq(errors.count, 1);
	assert_error(0, "a.ini:3:", "loop.d/*.ini: Too many levels of symbolic links");
	config_errors_free(&errors);
	ini_free(&ini);
	ini_read(&ini, "/proc/self/mem", &errors);
	ck_assert_uint_eq(errors.count, 1);
	assert_error(0, "/proc/self/mem:0:", "the rest of the file cannot be read: Input/output error");
}
END_TEST

START_TEST(binary_and_endless_lines_are_refused)
{
	char *line = malloc(INI_LINE_MAX + 10);

	put("a.ini", "[a]\nk = \0x\n", 11);
	ini_read(&ini, path, &errors);
	assert_error(0, "a.ini:2:", "NUL");
	ini_free(&ini);
	config_errors_free(&errors);
	memset(line, 'x', INI_LINE_MAX + 9);
	put("a.ini", line, INI_LINE_MAX + 9);
	ini_read(&ini, path, &errors);
	assert_error(0, "a.ini:1:", "bytes");
	free(line);
}
END_TEST

UNIT_MAIN_WITH("ini", begin, end, values_comments_and_quotes, every_mistake_is_told_with_its_line,
	includes_are_read_in_order_relative_to_their_file, cycles_and_missing_files_are_refused,
	folders_and_files_that_cannot_be_read_are_refused,
	binary_and_endless_lines_are_refused)
