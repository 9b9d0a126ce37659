#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What bash completes is what the program has (TAP).
top=${srcdir:-.}
PATH=${HOOKSWITCH_BUILD:-.}:$PATH
# shellcheck source=/dev/null
. "$top/contrib/completion/bash/hookswitch"
number=0

# check NAME EXPECTED WORD...: completing the last word gives all of EXPECTED, in this order if sorted.
check()
{
	number=$((number + 1))
	local name=$1 expected=$2
	shift 2
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	_hookswitch hookswitch
	local got
	got=$(printf '%s\n' "${COMPREPLY[@]}" | sort -u | tr '\n' ' ')
	if [ "$got" = "$expected " ]; then
		echo "ok $number - $name"
	else
		echo "not ok $number - $name: $got"
	fi
}

check "commands by their beginning" "check" hookswitch ch
check "every command" "$(hookswitch --help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p' | sort | tr '\n' ' ' | sed 's/ $//')" \
	hookswitch ""
check "options of a command" "--config --help --keep-undecryptable" hookswitch run --
check "actions of a command" "list purge replay show" hookswitch dead ""
check "actions by their beginning" "replay" hookswitch dead re
check "files after -c" "$top/contrib/completion/bash/hookswitch" hookswitch run -c "$top/contrib/completion/bash/hook"
echo "1..$number"
