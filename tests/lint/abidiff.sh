#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The layouts of the interface and the exported symbol, compared with those of its first headers by libabigail
# (TAP). A member at the end of a struct may come; every other difference is refused. See tests/abi/types.c.
cc=${CC:-cc}
top=${HOOKSWITCH_SOURCE:-${srcdir:-.}}
command -v abidiff >/dev/null || { echo "1..0 # SKIP abidiff is not installed (abigail-tools)"; exit 0; }
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT

# library NAME HEADERS
library()
{
	$cc -std=gnu17 -g -O0 -shared -fPIC -fvisibility=hidden -I"$2" "$top/tests/abi/types.c" \
		-o "$folder/$1.so" 2>"$folder/$1.log" || { sed 's/^/# /' "$folder/$1.log"; return 1; }
}
# refused NAME: what abidiff tells of NAME.so besides members at the end. Each report's first lines are the name
# of the struct and its old size, at or behind which a new member must lie.
refused()
{
	abidiff --no-show-locs --leaf-changes-only "$folder/first.so" "$folder/$1.so" >"$folder/report"
	# 1 and 2: it could not compare; 4: there are differences; 8: those that cannot be allowed.
	status=$?
	[ $((status & ~4)) -eq 0 ] || echo "abidiff: exit status $status"
	awk '/^Leaf changes summary|^Changed leaf types summary|^$/ { next }
		/^Removed\/Changed\/Added [a-z]+ summary: 0 Removed, 0 Changed( \([0-9]+ filtered out\))?, 0 Added/ { next }
		/^\047struct hsw_[a-z_]+\047 changed:$/ { size = -1; next }
		/^  type size changed from [0-9]+ to [0-9]+ \(in bits\)$/ { size = $5; next }
		/^  [0-9]+ data member insertions?:$/ { next }
		/^    \047.*\047, at offset [0-9]+ \(in bits\)$/ && size >= 0 && $(NF - 2) + 0 >= size + 0 { next }
		{ print }' "$folder/report"
}
# mutant SED-SCRIPT FILE: the headers with one change; it must be refused.
number=1
mutant()
{
	number=$((number + 1))
	rm -rf "$folder/headers"
	mkdir "$folder/headers"
	cp -R "$top/sdk/hookswitch" "$folder/headers/"
	chmod -R u+w "$folder/headers"
	sed "$1" "$top/sdk/hookswitch/$2" >"$folder/headers/hookswitch/$2"
	if cmp -s "$top/sdk/hookswitch/$2" "$folder/headers/hookswitch/$2"; then
		echo "not ok $number - $3: the headers no longer have what this changes"
	elif library mutant "$folder/headers" && [ -n "$(refused mutant)" ]; then
		echo "ok $number - $3 is refused"
	else
		echo "not ok $number - $3 is refused"
	fi
}

echo "1..6"
if library first "$top/tests/abi/1.0" && library now "$top/sdk"; then
	problems=$(refused now)
	if [ -z "$problems" ]; then
		echo "ok 1 - only members at the end have come"
	else
		echo "not ok 1 - only members at the end have come"
		echo "$problems" | sed 's/^/# /'
	fi
else
	echo "not ok 1 - the headers compile"
fi
# That the comparison sees what it should.
mutant '/(\*attempt)(/d' plugin.h "a member that is gone"
mutant 's/int64_t retry_after_ms;/int retry_after_ms;/' plugin.h "a member of another size"
mutant 's/uint32_t concurrency;/uint32_t before; &/' sink.h "a member in the middle"
mutant 's/HSW_GONE/HSW_NEW, HSW_GONE/' plugin.h "another value of an enumerator"
mutant 's/(\*close)(void \*self);/(*close)(void *self, int why);/' source.h "another argument of a function"
