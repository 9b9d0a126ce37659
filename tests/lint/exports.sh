#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each plugin exports the symbol hsw_plugin and nothing else.
n=0
for so in "$HOOKSWITCH_BUILD"/plugins/.libs/*.so; do
	n=$((n + 1))
	# What sanitizers and the linker add begins with an underscore.
	names=$(nm -D --defined-only "$so" | awk '{print $3}' | grep -v '^_' | sort | tr '\n' ' ')
	if [ "$names" = "hsw_plugin " ]; then
		echo "ok $n - ${so##*/}"
	else
		echo "not ok $n - ${so##*/} exports: $names"
	fi
done
echo "1..$n"
