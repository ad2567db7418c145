#!/usr/bin/env python3
"""Checks what the compiler does not: that rooms include only rooms above them, that every operator and every kernel has
its test, that no file has outgrown its limit, and that every header says what it is.

    python3 tools/check_rooms.py [ROOT]     ROOT: the repository, by default the one this file lies in

The rooms and their order come from tessera/CMakeLists.txt. Prints one line a fault and ends with 1 if there is any.
"""

import re
import sys
from pathlib import Path

LINE_LIMIT = 500
SOURCES = (".h", ".cc", ".py", ".sh")

# Files that may be longer than LINE_LIMIT, each with its reason.
LONG_FILES = {}

# Kernel headers and operator pages without a test file of their own name, each with where it is tested.
TESTED_ELSEWHERE = {
    "tessera/ops/matmul.cc": "tests/ops/linear_test.cc",  # both are products, declared in ops/linear.h
    "tessera/kernels/attention_mask.h": "tests/kernels/attention_test.cc",  # the mask has no result of its own
    "tessera/kernels/attention_pattern.h": "tests/kernels/attention_test.cc",  # data that attention reads
    "tessera/kernels/float_types.h": "tests/kernels/elementwise_test.cc",  # every dtype goes through it there
    "tessera/kernels/kv_layout.h": "tests/kernels/kv_pages_test.cc",  # where pages keep a value
    "tessera/kernels/machine_probe.h": "bench/kernels_bench.cc",  # it gives times, which no test may judge
    "tessera/kernels/panel_layout.h": "tests/kernels/packed_weight_test.cc",  # the order of a packed weight
    "tessera/kernels/panel_records.h": "tests/kernels/packed_weight_test.cc",
    "tessera/kernels/quant_blocks.h": "tests/kernels/quant_rows_test.cc",  # the structs that rows are made of
}


def rooms_from_the_ground_up(root):
    text = (root / "tessera/CMakeLists.txt").read_text(encoding="utf-8")
    return re.findall(r"^tessera_room\((\w+)", text, re.MULTILINE)


def files(root, folder, suffixes):
    for path in sorted((root / folder).rglob("*")):
        if path.is_file() and path.suffix in suffixes:
            yield path


def wrong_includes(root, rooms):
    for folder in ("tessera", "tests"):
        for path in files(root, folder, (".h", ".cc")):
            room = path.relative_to(root / folder).parts[0]
            if path.parent == root / folder:
                continue  # main.cc belongs to no room
            if room not in rooms:
                if folder == "tessera":
                    yield path, f"the room {room}/ is not in tessera/CMakeLists.txt"
                continue
            allowed = rooms[: rooms.index(room) + 1]
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                match = re.match(r'\s*#\s*include\s*["<]tessera/([^/">]+)/', line)
                if match and match.group(1) not in allowed:
                    yield f"{path}:{number}", f"{room}/ may not use {match.group(1)}/, which is below it"


def missing_tests(root):
    for room, suffix in (("ops", ".cc"), ("kernels", ".h")):
        for path in sorted((root / "tessera" / room).glob("*" + suffix)):
            name = path.relative_to(root).as_posix()
            elsewhere = TESTED_ELSEWHERE.get(name)
            test = root / (elsewhere or f"tests/{room}/{path.stem}_test.cc")
            if not test.is_file():
                yield path, f"has no test: {test.relative_to(root)} is missing"


def long_files(root):
    for folder in ("tessera", "tests", "fuzz", "bench", "tools"):
        for path in files(root, folder, SOURCES):
            lines = len(path.read_bytes().splitlines())
            if lines > LINE_LIMIT and path.relative_to(root).as_posix() not in LONG_FILES:
                yield path, f"has {lines} lines, the limit is {LINE_LIMIT}; part it, or list it with a reason"


def silent_headers(root):
    for path in files(root, "tessera", (".h",)):
        lines = path.read_text(encoding="utf-8").splitlines()
        said = (line for line in lines if line.strip() and not re.match(r"#|namespace ", line))
        if not next(said, "").startswith("//"):
            yield path, "has no comment that says what it is before its first declaration"
        if not path.stem.endswith("-inl") and "#pragma once" not in lines and not any(
            line.startswith("#ifndef TESSERA_") for line in lines
        ):
            yield path, "has no #pragma once"


def stale_entries(root):
    for name in (*LONG_FILES, *TESTED_ELSEWHERE):
        if not (root / name).is_file():
            yield name, "is listed in tools/check_rooms.py but does not exist"


def faults(root):
    rooms = rooms_from_the_ground_up(root)
    if not rooms:
        yield root / "tessera/CMakeLists.txt", "names no room"
    yield from wrong_includes(root, rooms)
    yield from missing_tests(root)
    yield from long_files(root)
    yield from silent_headers(root)


def main(arguments):
    here = Path(__file__).resolve().parent.parent
    root = Path(arguments[1]).resolve() if len(arguments) > 1 else here
    found = list(faults(root))
    if root == here:
        found += stale_entries(root)
    for place, what in found:
        print(f"{str(place).removeprefix(str(root) + '/')}: {what}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
