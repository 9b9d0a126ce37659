#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The interface for plugins is the one that plugins were built with (TAP); see abi.c.
cc=${CC:-cc}
top=${HOOKSWITCH_SOURCE:-${srcdir:-.}}
if ! echo '_Static_assert(sizeof(void *) == 8, "");' | $cc -x c -fsyntax-only - 2>/dev/null; then
	echo "1..0 # SKIP the list is for pointers of 8 bytes"
	exit 0
fi
echo "1..2"
if problems=$($cc -std=gnu17 -fsyntax-only -I"$top/sdk" "$top/tests/lint/abi.c" 2>&1); then
	echo "ok 1 - nothing has moved"
else
	echo "not ok 1 - nothing has moved"
	echo "$problems" | sed 's/^/# /'
fi
# A member that nobody listed could be moved unseen: all that a struct has are as many as are in the list.
members=$(sed -e 's|/\*[^*]*\*/||g' "$top"/sdk/hookswitch/plugin.h | awk '/^struct hsw_host \{/ { here = 1 }
	/^\};/ { here = 0 } here' | grep -cP '^\t[a-z].*\(\*[a-z_]+\)\(')
listed=$(grep -c '^AT(hsw_host, ' "$top/tests/lint/abi.c")
# Besides functions: size, abi, version.
if [ "$listed" -eq $((members + 3)) ]; then
	echo "ok 2 - every function of the host is listed"
else
	echo "not ok 2 - every function of the host is listed: $members functions, $listed lines"
fi
