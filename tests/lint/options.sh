#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every option, the daemon's and the plugins', stands in etc/hookswitch.ini, with its default where it has one, and in
# hookswitch.ini(5), and that sample is a good configuration.
program=$HOOKSWITCH_BUILD/hookswitch
plugins=$HOOKSWITCH_BUILD/plugins/.libs
ini=$HOOKSWITCH_SOURCE/etc/hookswitch.ini
page=$HOOKSWITCH_SOURCE/contrib/man/hookswitch.ini.5
n=0
for so in "$plugins"/*.so; do
	name=${so##*/}
	name=${name%.so}
	listed=$("$program" plugins -d "$plugins" "$name")
	for key in $(echo "$listed" | sed -n 's/^  \([a-z_0-9]*\)  (.*/\1/p'); do
		n=$((n + 1))
		missing=
		grep -qE "^;? ?$key =" "$ini" || missing="etc/hookswitch.ini"
		default=$(echo "$listed" | sed -n "s/^  $key  (.*, default \\(.*\\))\$/\\1/p")
		if [ -n "$default" ] && ! grep -qxF ";$key = $default" "$ini"; then
			missing="etc/hookswitch.ini (;$key = $default)"
		fi
		grep -qE "^\.It Cm $key\$" "$page" || missing="$missing hookswitch.ini(5)"
		if [ -z "$missing" ]; then echo "ok $n - $name $key"; else echo "not ok $n - $name $key is not in $missing"; fi
	done
done
n=$((n + 1))
copy=$(mktemp) || exit 1
sed "s|^\[server\]|[server]\nplugin_dir = $plugins|" "$ini" >"$copy"
if "$program" check -c "$copy" >/dev/null; then echo "ok $n - the sample is good"; else echo "not ok $n - the sample is good"; fi
rm -f "$copy"
echo "1..$n"
