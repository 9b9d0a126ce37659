#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The interface for plugins is the one that plugins were built with (TAP); see abi.c.
cc=${CC:-cc}
top=${HOOKSWITCH_SOURCE:-${srcdir:-.}}
if ! echo '_Static_assert(sizeof(void *) == 8, "");' | $cc -x c -fsyntax-only - 2>/dev/null; then
	echo "1..0 # SKIP the list is for pointers of 8 bytes"
	exit 0
fi
echo "1..5"
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

# What is larger than in the newest headers that are kept needs a higher minor version, and only that. store.h
# may still change and is left out.
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
kept=$(printf '%s\n' "$top"/tests/abi/[0-9]* | sort -V | tail -n 1)
# sizes HEADERS: of each struct that has a size or is a part of such a one.
sizes()
{
	{
		echo '#include <hookswitch/sink.h>'
		echo '#include <hookswitch/source.h>'
		for type in conn detail event host plugin request sink_ops source_ops; do
			echo "char size_of_${type}[sizeof(struct hsw_$type)];"
		done
	} | $cc -std=gnu17 -I"$1" -x c -c -o "$folder/sizes.o" - && nm -S "$folder/sizes.o" | awk '{ print $2, $4 }'
}
minor()
{
	awk '/^#define HSW_ABI_MINOR / { print $3 }' "$1/hookswitch/plugin.h"
}
# is_right HEADERS
is_right()
{
	if [ "$(sizes "$kept")" = "$(sizes "$1")" ]; then
		[ "$(minor "$1")" -ge "$(minor "$kept")" ]
	else
		[ "$(minor "$1")" -gt "$(minor "$kept")" ]
	fi
}
# judge NUMBER FUNCTION WHAT
judge()
{
	if $2; then
		echo "ok $1 - $3"
	else
		echo "not ok $1 - $3"
	fi
}
old_minor_is_refused()
{
	cp -R "$top/sdk/hookswitch" "$folder/"
	chmod -R u+w "$folder/hookswitch"
	sed "s/^\(#define HSW_ABI_MINOR\) [0-9]*/\1 $(minor "$kept")/" "$top/sdk/hookswitch/plugin.h" \
		>"$folder/hookswitch/plugin.h"
	! is_right "$folder"
}
now_is_right()
{
	is_right "$top/sdk"
}
kept_is_named_by_its_version()
{
	[ "${kept##*/}" = "1.$(minor "$kept")" ]
}
judge 3 now_is_right "HSW_ABI_MINOR says that the structs have grown since ${kept##*/}"
judge 4 old_minor_is_refused "structs that grew under the same minor version are refused"
judge 5 kept_is_named_by_its_version "the kept headers lie under their version"
