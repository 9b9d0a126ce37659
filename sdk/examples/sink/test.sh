# The daemon can load it, and says what its options are. HOOKSWITCH names the program, where it is not the
# installed one.
set -eu
hookswitch=${HOOKSWITCH:-hookswitch}

# expect WHAT TEXT
expect()
{
	if "$hookswitch" plugins -d . sink-@NAME@ | grep -qF "$2"; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		exit 1
	fi
}
expect "it is loaded" "sink-@NAME@ 0.1"
expect "it has its option" "path"
