#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What every store must do, of store-sqlite (TAP). Run in the build folder.
exec ./hookswitch-plugin-test plugins/.libs/store-sqlite.so path=%d/journal.db
