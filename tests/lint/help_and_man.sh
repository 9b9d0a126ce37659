#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The program's --help and hookswitch(1) name the same commands and options (TAP).
top=${srcdir:-.}
page=$top/contrib/man/hookswitch.1
program=${HOOKSWITCH:-./hookswitch}
number=0

# check NAME LEFT RIGHT: the same words, in any order.
check()
{
	number=$((number + 1))
	left=$(printf '%s\n' "$2" | sort -u)
	right=$(printf '%s\n' "$3" | sort -u)
	if [ -n "$left" ] && [ "$left" = "$right" ]; then
		echo "ok $number - $1"
		return
	fi
	echo "not ok $number - $1"
	printf '# in --help:\n%s\n# in the page:\n%s\n' "$left" "$right" | sed 's/^[^#]/#   &/'
}

# The options of usage text: "-c, --config", "--json".
options_of_help()
{
	"$program" "$@" --help | sed -n 's/^  *\(-.*\)/\1/p' |
		grep -oE '^(-[a-zA-Z], )?--[a-z0-9-]+' | tr -d ' '
}

# The options that are explained in the page's subsection $1, as "-c,--config". Those which several
# commands take are in the section's head.
options_of_page()
{
	awk -v wanted="$1" '
		/^\.S[hs] / { here = substr($0, 5) == wanted }
		here && /^\.It Fl / {
			line = substr($0, 5)
			text = ""
			count = split(line, words, " ")
			for (i = 1; i < count; i++)
				if (words[i] == "Fl")
					text = text (text == "" ? "" : ",") "-" words[i + 1]
			print text
		}' "$page"
}

commands=$("$program" --help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p')
echo "1..$(($(echo "$commands" | wc -l) + 2))"
check "the page has a section for every command and no other" "$commands" \
	"$(sed -n 's/^\.Ss \([a-z]*\)$/\1/p' "$page")"
check "options without a command" "$(options_of_help)" "$(options_of_page 'Without a command')"
for command in $commands; do
	# -c and -h are explained once for all; a command that repeats them says more of them.
	check "options of $command" "$(options_of_help "$command")" \
		"$(options_of_page "$command"; options_of_page COMMANDS)"
done
