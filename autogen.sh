#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes ./configure in a checkout.
set -e
cd "$(dirname "$0")"
for tool in autoreconf:autoconf automake:automake libtoolize:libtool pkg-config:pkg-config; do
	if ! command -v "${tool%:*}" >/dev/null; then
		echo "autogen.sh: ${tool%:*} is missing. On Debian: apt-get install ${tool#*:}" >&2
		exit 1
	fi
done
mkdir -p .build-aux
autoreconf --install --force --warnings=all,no-portability
cp "$(automake --print-libdir)/tap-driver.sh" .build-aux/tap-driver.sh
