#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every test of stores on store-postgres, with a server of their own (TAP). Run in the build folder.
set -u
here=$(dirname "$0")
if [ -z "${PGTEST_DSN:-}" ]; then
	"$here/with_postgres.sh" "$0"
	rc=$?
	[ "$rc" -ne 77 ] || { echo "1..0 # SKIP there is no PostgreSQL server"; rc=0; }
	exit "$rc"
fi
plugin=plugins/.libs/store-postgres.so
{
	./hookswitch-plugin-test "$plugin" "dsn=$PGTEST_DSN" schema=%n
	echo "exit $? hookswitch-plugin-test"
	STORE_PLUGIN=$plugin STORE_CONF="dsn=$PGTEST_DSN;schema=%n" tests/plugins/test_store_postgres
	echo "exit $? test_store_postgres"
	tests/plugins/test_store_postgres_gaps
	echo "exit $? test_store_postgres_gaps"
} | awk '
	/^(not )?ok / { sub(/ok [0-9]+/, "ok " ++n); failed += /^not/; print; fflush() }
	/^exit / { if ($2 != 0 && failed == before) print "not ok " ++n " - " $3 " ended with status " $2
		before = failed }
	END { print "1.." n }'
