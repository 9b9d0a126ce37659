#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The SDK's headers compile alone, as C11 and as C++17 (where there is a C++ compiler).
n=0
check() { # NAME COMMAND...
	n=$((n + 1))
	name=$1
	shift
	if "$@" 2>/dev/null; then echo "ok $n - $name"; else echo "not ok $n - $name"; fi
}
compile() { # COMPILER HEADER OPTION...
	header=$2
	compiler=$1
	shift 2
	# shellcheck disable=SC2046,SC2086 # CC and the flags are several words
	echo "#include <hookswitch/$header>" | $compiler "$@" -Wall -Wextra -Werror -fsyntax-only \
		-I"$HOOKSWITCH_SOURCE/sdk" $(pkg-config --cflags-only-I json-c) -
}
for path in "$HOOKSWITCH_SOURCE"/sdk/hookswitch/*.h; do
	header=${path##*/}
	check "$header as C11" compile "$CC" "$header" -std=c11 -xc
	if command -v c++ >/dev/null; then
		check "$header as C++17" compile c++ "$header" -std=c++17 -xc++
	fi
done
echo "1..$n"
