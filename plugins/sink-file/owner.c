/* SPDX-License-Identifier: Apache-2.0 */
/* owner.c - see owner.h. */
#include "owner.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMES_SIZE 16384 /* of what the system's databases fill in */
#define GROUPS_MAX 65536 /* NGROUPS_MAX of Linux */

static bool
read_number(const char *text, unsigned *n)
{
	char *end;
	size_t len = strlen(text);

	if (len == 0 || len > 9 || strspn(text, "0123456789") != len)
		return false;
	*n = (unsigned)strtoul(text, &end, 10);
	return true;
}

static int
refuse(struct hsw_error *err, const char *option, const char *name, const char *why)
{
	snprintf(err->text, sizeof(err->text), "%s: \"%.100s\" %s", option, name, why);
	return HSW_EINVAL;
}

static int
find_user(const char *name, uid_t *uid, struct hsw_error *err)
{
	char names[NAMES_SIZE];
	struct passwd entry, *found = NULL;
	unsigned n;

	if (read_number(name, &n))
		*uid = n;
	else if (getpwnam_r(name, &entry, names, sizeof(names), &found) == 0 && found != NULL)
		*uid = found->pw_uid;
	else
		return refuse(err, "user", name, "is no user of this system");
	if (geteuid() != 0 && geteuid() != *uid)
		return refuse(err, "user", name, "is not ours: only root gives files away");
	return HSW_OK;
}

static bool
is_in(gid_t gid)
{
	int count = getgroups(0, NULL);
	gid_t *groups = count >= 0 && count <= GROUPS_MAX
		? malloc(((size_t)count + 1) * sizeof(*groups))
		: NULL;
	bool found = gid == getegid();

	if (groups != NULL)
		count = getgroups(count, groups);
	for (int i = 0; groups != NULL && i < count; i++)
		found = found || groups[i] == gid;
	free(groups);
	return found;
}

static int
find_group(const char *name, gid_t *gid, struct hsw_error *err)
{
	char names[NAMES_SIZE];
	struct group entry, *found = NULL;
	unsigned n;

	if (read_number(name, &n))
		*gid = n;
	else if (getgrnam_r(name, &entry, names, sizeof(names), &found) == 0 && found != NULL)
		*gid = found->gr_gid;
	else
		return refuse(err, "group", name, "is no group of this system");
	if (geteuid() != 0 && !is_in(*gid))
		return refuse(err, "group", name, "is none that we are in");
	return HSW_OK;
}

int
owner_find(const char *user, const char *group, struct disk_owner *owner, struct hsw_error *err)
{
	owner->uid = (uid_t)-1;
	owner->gid = (gid_t)-1;
	int rc = user != NULL ? find_user(user, &owner->uid, err) : HSW_OK;
	return rc == HSW_OK && group != NULL ? find_group(group, &owner->gid, err) : rc;
}
