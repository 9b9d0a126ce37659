#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What zsh completes is what the program has (TAP); see completion.zsh.
command -v zsh >/dev/null || { echo "1..0 # SKIP zsh is not installed"; exit 0; }
top=$(cd "${srcdir:-.}" && pwd)
exec zsh -f "$top/tests/lint/completion.zsh" "$top/contrib/completion/zsh" "$(cd "${HOOKSWITCH_BUILD:-.}" && pwd)"
