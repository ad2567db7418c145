#!/usr/bin/env bash
# Installs the build folder $1 into a temporary prefix, builds the project beside this script against it, and runs both.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
cmake --install "$1" --prefix "$prefix/usr" >/dev/null
for file in bin/tessera share/man/man1/tessera.1 share/bash-completion/completions/tessera \
  share/zsh/site-functions/_tessera share/fish/vendor_completions.d/tessera.fish; do
  [ -s "$prefix/usr/$file" ] || { echo "$file was not installed"; exit 1; }
done
bash -n "$prefix/usr/share/bash-completion/completions/tessera"
"$prefix/usr/bin/tessera" version
cmake -S "$here" -B "$prefix/build" -DCMAKE_PREFIX_PATH="$prefix/usr" -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build "$prefix/build" >/dev/null
"$prefix/build/consumer"
