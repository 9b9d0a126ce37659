# The daemon can load it, and it keeps to the contract. HOOKSWITCH and HOOKSWITCH_PLUGIN_TEST name the programs, where
# they are not the installed ones.
set -eu
if "${HOOKSWITCH:-hookswitch}" plugins -d . store-@NAME@ | grep -qF "store-@NAME@ 0.1"; then
	echo "ok - it is loaded"
else
	echo "not ok - it is loaded"
	exit 1
fi
# A store that lasts is tested without --volatile: then it is closed and opened again, and killed, in the middle.
"${HOOKSWITCH_PLUGIN_TEST:-hookswitch-plugin-test}" --volatile ./store-@NAME@.so memory=64m
