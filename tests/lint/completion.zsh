# SPDX-License-Identifier: Apache-2.0
# What zsh completes is what --help has (TAP): a zsh at a terminal of its own, with compinit, gets a line and the
# tab key. completion.zsh SCRIPTS PROGRAM-FOLDER
zmodload zsh/zpty || exit 1
emulate -R zsh
folder=$(mktemp -d)
trap 'zpty -d z 2>/dev/null; rm -rf $folder' EXIT

# The shell writes each match that the completion adds into a file, and then that it is done.
cat >$folder/setup <<END
PATH=$2:\$PATH
fpath=($1 \$fpath)
autoload -U compinit && compinit -u -d $folder/dump
compadd()
{
	local -a matches
	if [[ \${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
		builtin compadd -A matches "\$@"
		print -rl -- \$matches >>$folder/matches
	fi
	builtin compadd "\$@"
}
complete_and_tell() { zle complete-word; : >$folder/done }
zle -N complete_and_tell
bindkey '^T' complete_and_tell
unsetopt LIST_BEEP
PS1= RPS1=
: >$folder/ready
END
zpty -b z zsh -f -i
zpty -w z "source $folder/setup"

# until_there FILE: false after 10 seconds. What the terminal shows is read away.
until_there()
{
	local tries=200 shown
	until [[ -e $1 ]]; do
		(( tries-- > 0 )) || return 1
		while zpty -r -t z shown; do :; done
		sleep 0.05
	done
}
until_there $folder/ready || { print "Bail out! zsh does not start"; exit 1 }

number=0
# check NAME LINE EXPECTED...: the tab key behind LINE offers EXPECTED and nothing else.
check()
{
	local name=$1 line=$2
	local -aU found expected
	shift 2
	(( ++number ))
	rm -f $folder/matches $folder/done
	zpty -w -n z $'\C-u'$line$'\C-t'
	until_there $folder/done || { print "not ok $number - $name: no answer"; return }
	[[ ! -e $folder/matches ]] || found=(${(of)"$(<$folder/matches)"})
	expected=(${(o)@})
	if (( $#expected )) && [[ "$found" == "$expected" ]]; then
		print "ok $number - $name"
	else
		print "not ok $number - $name"
		print "# offered: $found"
		print "# --help:  $expected"
	fi
}

program=$2/hookswitch
subcommands=(${(f)"$($program --help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p')"})
check "every command" "hookswitch " $subcommands
for command in $subcommands; do
	flags=(${(f)"$($program $command --help | sed -n 's/^ *\(-.*\)/\1/p' |
		grep -oE -- '^(-[a-zA-Z], )?--[a-z0-9-]+|^-[a-zA-Z]' | tr -d ' ' | tr ',' '\n')"})
	check "options of $command" "hookswitch $command -" $flags
done
check "the program's own options" "hookswitch -" -h --help -V --version
check "actions of dead" "hookswitch dead " list show replay purge
check "making a plugin, and the plugins" "hookswitch plugins " new ${(f)"$($program plugins 2>/dev/null |
	awk 'NR > 1 { print $1 "-" $2 }')"}
print "1..$number"
