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
# options_of WORD...: the options that --help of the command lists, short and long.
options_of()
{
	hookswitch "$@" --help | sed -n 's/^ *\(-.*\)/\1/p' | grep -oE -- '^(-[a-zA-Z], )?--[a-z0-9-]+|^-[a-zA-Z]' |
		tr -d ' ' | tr ',' '\n' | sort -u | tr '\n' ' ' | sed 's/ $//'
}
for command in $(hookswitch --help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p'); do
	check "options of $command" "$(options_of "$command")" hookswitch "$command" -
done
check "the program's own options" "$(options_of)" hookswitch -
check "options by their beginning" "--config --help --keep-undecryptable" hookswitch run --
check "actions of a command" "list purge replay show" hookswitch dead ""
check "actions of websocket" "set show" hookswitch websocket ""
check "making a plugin, among the plugins" "new" hookswitch plugins ne
check "files after another command's option" "$top/contrib/completion/bash/hookswitch" \
	hookswitch tail --cacert "$top/contrib/completion/bash/hook"
check "folders after an option that takes one" "$top/contrib/completion" hookswitch plugins --templates "$top/contrib/comp"
check "folders after its short name" "$top/contrib/completion" hookswitch plugins -t "$top/contrib/comp"
check "an option with digits" "--media-base64" hookswitch websocket --me
check "actions by their beginning" "replay" hookswitch dead re
check "files after -c" "$top/contrib/completion/bash/hookswitch" hookswitch run -c "$top/contrib/completion/bash/hook"
echo "1..$number"
