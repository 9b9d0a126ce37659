# What payloads become, and whether it keeps to the contract. HOOKSWITCH and HOOKSWITCH_PLUGIN_TEST name the programs,
# where they are not the installed ones.
set -eu
hookswitch=${HOOKSWITCH:-hookswitch}
# An option of the daemon's own name ends it here.
"$hookswitch" plugins -d . source-@NAME@ >/dev/null
payload=$(mktemp)
trap 'rm -f "$payload"' EXIT

# expect WHAT BODY TEXT: the envelopes of the body contain the text.
expect()
{
	printf '%s' "$2" >"$payload"
	if "$hookswitch" translate -d . @NAME@ "$payload" 2>&1 | grep -qF "$3"; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		"$hookswitch" translate -d . @NAME@ "$payload" || true
		exit 1
	fi
}
message='{"id": "ABC", "from": "5511912345678", "name": "Ana", "text": "Hello", "time": 1763771103}'
expect "a message" "$message" "message.exchange"
expect "its chat" "$message" "5511912345678@s.whatsapp.net"
expect "its time" "$message" "2025-11-22T00:25:03Z"
expect "without an id it is ignored" '{"from": "5511912345678", "text": "Hello"}' "ignored"
expect "what is no JSON is refused" '{"id":' "body"
# The same payload again, by another handle, cut at every byte and otherwise spoilt.
printf '%s' "$message" >"$payload"
"${HOOKSWITCH_PLUGIN_TEST:-hookswitch-plugin-test}" --payload "$payload" ./source-@NAME@.so
