#!/usr/bin/env python3
"""Tests of check_rooms.py: it is quiet on a good tree and names each fault of a bad one.

    python3 tools/check_rooms_test.py
"""

import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True  # leave no cache beside the sources
import check_rooms

GOOD_TREE = {
    "tessera/CMakeLists.txt": "tessera_room(core LINKS x)\ntessera_room(kernels USES core)\ntessera_room(ops USES kernels)\n",
    "tessera/main.cc": '#include "tessera/ops/norm.h"\n',
    "tessera/core/tensor.h": "#pragma once\n// A tensor.\n",
    "tessera/kernels/norm.h": '#pragma once\n\n#include "tessera/core/tensor.h"\n\nnamespace tessera {\n\n// y = x / |x|\n',
    "tessera/kernels/cpu/norm-inl.h": "// Included once a target.\n#ifdef X\n",
    "tessera/ops/norm.h": "#pragma once\n// Norms.\n",
    "tessera/ops/norm.cc": '#include "tessera/kernels/norm.h"\n#include "tessera/ops/norm.h"\n',
    "tests/kernels/norm_test.cc": '#include "tessera/kernels/norm.h"\n',
    "tests/ops/norm_test.cc": '#include "tessera/ops/norm.h"\n',
}


class CheckRooms(unittest.TestCase):
    def faults_of(self, changes):
        """The faults of the good tree after `changes`: a file's new text, or None to delete it."""
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, text in {**GOOD_TREE, **changes}.items():
                if text is not None:
                    (root / name).parent.mkdir(parents=True, exist_ok=True)
                    (root / name).write_text(text, encoding="utf-8")
            return [f"{str(place).removeprefix(folder + '/')}: {what}" for place, what in check_rooms.faults(root)]

    def expect_one_fault(self, changes, *parts):
        found = self.faults_of(changes)
        self.assertEqual(len(found), 1, found)
        for part in parts:
            self.assertIn(part, found[0])

    def test_a_good_tree_is_quiet(self):
        self.assertEqual(self.faults_of({}), [])

    def test_a_room_may_not_include_one_below_it(self):
        text = '#pragma once\n// y = x / |x|\n#include "tessera/ops/norm.h"\n'
        self.expect_one_fault({"tessera/kernels/norm.h": text}, "tessera/kernels/norm.h:3", "kernels/ may not use ops/")

    def test_a_rooms_tests_may_not_either(self):
        text = '#  include <tessera/ops/norm.h>\n'
        self.expect_one_fault({"tests/kernels/norm_test.cc": text}, "tests/kernels/norm_test.cc:1", "ops/")

    def test_a_folder_that_is_no_room(self):
        self.expect_one_fault({"tessera/attic/old.h": "#pragma once\n// Old.\n"}, "attic/ is not in")

    def test_an_operator_without_a_test(self):
        self.expect_one_fault({"tests/ops/norm_test.cc": None}, "tessera/ops/norm.cc", "tests/ops/norm_test.cc")

    def test_a_kernel_without_a_test(self):
        self.expect_one_fault({"tests/kernels/norm_test.cc": None}, "tessera/kernels/norm.h", "has no test")

    def test_a_file_that_is_too_long(self):
        at_limit, above = "// line\n" * 500, "// line\n" * 501
        self.assertEqual(self.faults_of({"tests/ops/norm_test.cc": at_limit}), [])
        self.expect_one_fault({"tests/ops/norm_test.cc": above}, "has 501 lines")

    def test_a_header_that_says_nothing(self):
        self.expect_one_fault({"tessera/ops/norm.h": "#pragma once\n\nint F();\n// Late.\n"}, "no comment")

    def test_a_header_that_may_be_read_twice(self):
        self.expect_one_fault({"tessera/ops/norm.h": "// Norms.\n"}, "no #pragma once")


if __name__ == "__main__":
    unittest.main()
