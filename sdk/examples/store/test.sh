# The daemon can load it, and it keeps to the contract. HOOKSWITCH and HOOKSWITCH_PLUGIN_TEST name the programs, where
# they are not the installed ones.
set -eu
# An option of the daemon's own name ends it here.
shown=$("${HOOKSWITCH:-hookswitch}" plugins -d . store-@NAME@)
if echo "$shown" | grep -qF "store-@NAME@ 0.1"; then
	echo "ok - it is loaded"
else
	echo "not ok - it is loaded"
	exit 1
fi
# It is closed and opened again, and killed, in the middle; %d is a new folder for each test.
"${HOOKSWITCH_PLUGIN_TEST:-hookswitch-plugin-test}" ./store-@NAME@.so path=%d/journal size=256m
