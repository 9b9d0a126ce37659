#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# with_postgres.sh COMMAND...: runs it with a PostgreSQL server of its own, which is gone afterwards. The
# command finds its folder in PGTEST_DIR and how to connect in PGTEST_DSN;
# $PGTEST_CTL start or stop. 77: there is no PostgreSQL here. Processes end, never the system: nothing is synced.
set -u

bin=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
[ -n "$bin" ] || bin=$(dirname "$(command -v initdb || echo none)")
[ -x "$bin/initdb" ] || { echo "no PostgreSQL server is installed" >&2; exit 77; }

PGTEST_DIR=$(mktemp -d "${TMPDIR:-/tmp}/hsw-pg-XXXXXX") || exit 99
export PGTEST_DIR
export PGTEST_DSN="host=$PGTEST_DIR user=hookswitch dbname=postgres"

# The server refuses to run as root.
as_user() {
	if [ "$(id -u)" -eq 0 ]; then
		setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"
	else
		"$@"
	fi
}

PGTEST_CTL="$bin/pg_ctl -D $PGTEST_DIR/data -l $PGTEST_DIR/server.log -m immediate -w"
[ "$(id -u)" -ne 0 ] || PGTEST_CTL="setpriv --reuid=nobody --regid=nogroup --clear-groups $PGTEST_CTL"
export PGTEST_CTL

finish() {
	[ -f "$PGTEST_DIR/data/postmaster.pid" ] &&
		$PGTEST_CTL stop >/dev/null 2>&1
	rm -rf "$PGTEST_DIR"
}
trap finish EXIT
trap 'exit 99' HUP INT TERM

chmod 711 "$PGTEST_DIR"
[ "$(id -u)" -ne 0 ] || chown nobody:nogroup "$PGTEST_DIR"
cd "$PGTEST_DIR" || exit 99
as_user "$bin/initdb" -D "$PGTEST_DIR/data" -U hookswitch -A trust -E UTF8 --locale=C >initdb.log 2>&1 ||
	{ cat initdb.log >&2; exit 99; }
cat >>data/postgresql.conf <<END
listen_addresses = ''
unix_socket_directories = '$PGTEST_DIR'
shared_buffers = 32MB
fsync = off
full_page_writes = off
END
$PGTEST_CTL start >/dev/null 2>&1 ||
	{ cat "$PGTEST_DIR/server.log" >&2; exit 99; }
cd "$OLDPWD" || exit 99
"$@"
