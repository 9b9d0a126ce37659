#!/bin/sh
# Makes ./configure in a checkout. Needs autoconf, automake and libtool.
set -e
cd "$(dirname "$0")"
mkdir -p .build-aux
autoreconf --install --force --warnings=all,no-portability
cp "$(automake --print-libdir)/tap-driver.sh" .build-aux/tap-driver.sh
