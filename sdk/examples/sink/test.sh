# The daemon can load it, says what its options are, and it keeps to the contract. HOOKSWITCH and
# HOOKSWITCH_PLUGIN_TEST name the programs, where they are not the installed ones.
set -eu
# An option of the daemon's own name ends it here.
shown=$("${HOOKSWITCH:-hookswitch}" plugins -d . sink-@NAME@)

# expect WHAT TEXT
expect()
{
	if echo "$shown" | grep -qF "$2"; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		exit 1
	fi
}
expect "it is loaded" "sink-@NAME@ 0.1"
expect "it has its option" "path"
# It really delivers: lead it to where that does no harm. Here nobody listens.
"${HOOKSWITCH_PLUGIN_TEST:-hookswitch-plugin-test}" ./sink-@NAME@.so path="$PWD/nobody.sock"
