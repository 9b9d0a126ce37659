#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Our own sources keep to the contract (TAP): hookswitch-plugin-test with the first payloads of each. Run in the
# build folder.
fixtures=${srcdir:-..}/tests/fixtures
payloads=2
n=0
for so in plugins/.libs/source-*.so; do
	name=${so##*/source-}
	name=${name%.so}
	[ -d "$fixtures/$name" ] || continue
	set --
	for file in "$fixtures/$name"/*.json; do
		case $file in *.expected.json) continue ;; esac
		[ $# -ge $((2 * payloads)) ] || set -- "$@" --payload "$file"
	done
	n=$((n + 1))
	if out=$(./hookswitch-plugin-test "$so" "$@" 2>&1); then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		echo "$out" | sed 's/^/# /'
	fi
done
echo "1..$n"
