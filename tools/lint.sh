#!/usr/bin/env bash
# Formatting, and what tools/check_rooms.py checks: rooms include only rooms above them, every operator and kernel has
# its test, no file has outgrown its limit.
set -euo pipefail
cd "$(dirname "$0")/.."
git ls-files '*.cc' '*.h' | xargs clang-format --dry-run --Werror
python3 tools/check_rooms_test.py --quiet
python3 tools/check_rooms.py
