#!/usr/bin/env bash
# Formatting; what tools/check_rooms.py checks: rooms include only rooms above them, every operator and kernel has its
# test, no file has outgrown its limit; and that links in the documentation lead somewhere.
set -euo pipefail
cd "$(dirname "$0")/.."
quietly() {
  local output
  output=$("$@" 2>&1) || { echo "$output"; exit 1; }
}
git ls-files '*.cc' '*.h' '*.cu' '*.cuh' | xargs clang-format --dry-run --Werror
quietly python3 bench/compare_test.py
quietly python3 tools/check_rooms_test.py
python3 tools/check_rooms.py
quietly python3 tools/check_links_test.py
python3 tools/check_links.py
