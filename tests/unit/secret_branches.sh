#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No branch and no address depends on the bytes of secrets that are compared, as valgrind sees it; and it would see one.
program=$HOOKSWITCH_BUILD/tests/unit/secret_branches
found=99 skipped=77

if ! command -v valgrind >/dev/null; then
	echo "1..0 # SKIP valgrind is not installed"
	exit 0
fi
# Sanitizers and valgrind cannot live in one process.
if nm "$program" | grep -qE '__(asan|tsan|ubsan)_'; then
	echo "1..0 # SKIP the program has sanitizers"
	exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
log=$folder/log
# valgrind 3.19 gives up at what clang says for debuggers.
strip -g -o "$folder/secret_branches" "$program" || exit 1

# tell NUMBER EXPECTED FUNCTION WHAT
tell() {
	valgrind --quiet --error-exitcode=$found "$folder/secret_branches" "$3" >"$log" 2>&1
	status=$?
	if [ $status -eq "$2" ]; then
		echo "ok $1 - $3 $4"
	elif [ $status -eq $skipped ]; then
		echo "ok $1 - $3 # SKIP built without valgrind/memcheck.h"
	else
		echo "not ok $1 - $3: exit status $status, expected $2"
		sed 's/^/# /' "$log"
	fi
}

echo 1..3
tell 1 0 secret_equal "has no branch on a secret"
tell 2 0 secret_is "has no branch on a secret"
tell 3 $found str_equal "has one, and it is found"
