/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of how commands ask the daemon: what is said of one that does not answer. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"

static char folder[] = "/tmp/hookswitch-test-client-XXXXXX";
static char path[sizeof(folder) + 8];
static int listening;
static struct hsw_error err;

static void
setup(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s", folder);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listening, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(listening, 4), 0);
}

static void
teardown(void)
{
	close(listening);
	unlink(path);
	rmdir(folder);
}

START_TEST(one_that_does_not_answer_may_still_be_at_it)
{
	struct buf out = BUF_INIT;

	ck_assert_int_eq(client_send(path, "POST", "/x", str_of(""), 1, &out, &err), HSW_EIO);
	ck_assert_str_eq(err.text, "the daemon has not answered for 1 s; it may still be at it");
	buf_free(&out);
}
END_TEST

UNIT_MAIN_WITH("client", setup, teardown, one_that_does_not_answer_may_still_be_at_it)
