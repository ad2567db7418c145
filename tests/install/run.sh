#!/usr/bin/env bash
# Installs the build folder $1 into a temporary prefix, then uses what is there as its readers would: builds the project
# beside this script and README's example against it, runs both, and loads each shell's completions.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
cmake --install "$1" --prefix "$prefix/usr" >/dev/null
share=$prefix/usr/share
for file in "$prefix/usr/bin/tessera" "$share/man/man1/tessera.1" "$share/bash-completion/completions/tessera" \
  "$share/zsh/site-functions/_tessera" "$share/fish/vendor_completions.d/tessera.fish"; do
  [ -s "$file" ] || { echo "$file was not installed"; exit 1; }
done
"$prefix/usr/bin/tessera" version

"$here/completions.sh" "$share"

# A page that troff has nothing to say about.
if command -v groff >/dev/null; then
  said=$(groff -K utf8 -man -Tutf8 -ww -z "$share/man/man1/tessera.1" 2>&1)
  [ -z "$said" ] || { echo "the manual page: $said"; exit 1; }
fi

example=$prefix/example.cc
awk '/^```cpp$/ { on = 1; next } /^```$/ { on = 0 } on' "$here/../../README.md" >"$example"
cmake -S "$here" -B "$prefix/build" -DCMAKE_PREFIX_PATH="$prefix/usr" -DCMAKE_BUILD_TYPE=Release -DEXAMPLE="$example" \
  >"$prefix/log" 2>&1 && cmake --build "$prefix/build" >>"$prefix/log" 2>&1 || { cat "$prefix/log"; exit 1; }
"$prefix/build/consumer"
if "$prefix/usr/bin/tessera" inspect smollm2 >/dev/null 2>&1; then
  answer=$("$prefix/build/example")
  echo "README's example: $answer"
  [[ $answer == *Paris* ]] || { echo "it does not name Paris"; exit 1; }
else
  echo "README's example compiles; it did not run, since smollm2 is not here (tessera pull smollm2)"
fi
