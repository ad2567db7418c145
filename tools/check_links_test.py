#!/usr/bin/env python3
"""Tests of tools/check_links.py, on small repositories that they make. Run: python3 tools/check_links_test.py"""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True  # leave no cache beside the sources
import check_links


class CheckLinks(unittest.TestCase):
    def faults(self, **pages):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder).resolve()
            subprocess.run(["git", "init", "-q", root], check=True)
            (root / "docs").mkdir()
            for name, text in pages.items():
                (root / (name.replace("__", "/") + ".md")).write_text(text, encoding="utf-8")
            return list(check_links.faults(root))

    def test_links_to_files_and_headings_that_are_there_are_quiet(self):
        self.assertEqual(self.faults(README="# A\n[b](docs/b.md#two-words) [own](#a) ![web](https://x.org/y.png)",
                                     docs__b="# One\n## Two `words`\n[up](../README.md)"), [])

    def test_a_file_that_is_not_there_is_named_with_its_line(self):
        self.assertEqual(self.faults(README="a\n[b](docs/c.md)"),
                         ["README.md:2: link to docs/c.md: there is no such file"])

    def test_a_heading_that_is_not_there_is_a_fault(self):
        self.assertEqual(len(self.faults(README="# A\n[b](#c)")), 1)

    def test_a_file_outside_the_repository_is_a_fault(self):
        self.assertEqual(len(self.faults(README="[b](../../etc/passwd)")), 1)

    def test_code_is_not_prose(self):
        self.assertEqual(self.faults(README="```\n[b](c.md)\n```\n`[b](c.md)`\n\n    [b](c.md)"), [])

    def test_headings_of_the_same_name_are_numbered(self):
        self.assertEqual(self.faults(README="# A\n# A\n[x](#a-1)"), [])

    def test_headings_in_other_scripts_keep_their_letters(self):
        self.assertEqual(self.faults(README="# 作为库使用\n[x](#作为库使用)"), [])


if __name__ == "__main__":
    unittest.main()
