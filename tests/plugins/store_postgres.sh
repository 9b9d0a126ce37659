#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every test of stores on store-postgres, with a server of their own. Run in the build folder.
set -u
here=$(dirname "$0")
if [ -z "${PGTEST_DSN:-}" ]; then
	exec "$here/with_postgres.sh" "$0"
fi
export STORE_PLUGIN=plugins/.libs/store-postgres.so
rc=0
for test in test_store test_store_exceptions; do
	STORE_CONF="dsn=$PGTEST_DSN;schema=%n" "tests/plugins/$test" || rc=1
done
tests/plugins/test_store_postgres || rc=1
exit $rc
