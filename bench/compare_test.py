#!/usr/bin/env python3
"""Tests of compare and count: peers that are a line of shell, and dumps written by hand.

    python3 bench/compare_test.py
"""

import importlib.machinery
import importlib.util
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True  # leave no cache beside the sources
HERE = Path(__file__).resolve().parent


def load(name):
    loader = importlib.machinery.SourceFileLoader(name, str(HERE / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


compare, count = load("compare"), load("count")

LLAMA_BENCH = """log line
[{"n_prompt": 512, "n_gen": 0, "avg_ts": 40.0}, {"n_prompt": 0, "n_gen": 64, "n_depth": 128, "avg_ts": 5.0}]"""
BATCHED_BENCH = """
|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |      T s |    S t/s |
|-------|--------|------|--------|----------|----------|----------|----------|----------|----------|
|     1 |     64 |    8 |    520 |    0.020 |   400.00 |    1.500 |   341.30 |    1.520 |   342.10 |
"""


class Compare(unittest.TestCase):
    def run_compare(self, *arguments):
        return subprocess.run([HERE / "compare", *arguments], capture_output=True, text=True)

    def test_reads_what_llama_bench_prints(self):
        self.assertEqual(compare.read_llama_bench(LLAMA_BENCH), {"pp512": 40.0, "tg64 @ d128": 5.0})

    def test_reads_what_batched_bench_prints(self):
        self.assertEqual(compare.read_batched_bench(BATCHED_BENCH), {"tg64 x 8": 341.30})

    def test_gives_the_ratio_of_each_test_that_both_have(self):
        ours = """echo '{"tests": [{"test": "a", "rate": 30}, {"test": "b", "rate": 1}]}'"""
        peer = """other=echo '{"tests": [{"test": "a", "rate": 20}]}'"""
        run = self.run_compare("--ours", ours, "--program", peer, "--rounds", "2")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("| a | 30 (30–30) | other | 20 (20–20) | 1.50 (1.50–1.50) |", run.stdout)
        self.assertNotIn("| b |", run.stdout)

    def test_runs_the_programs_in_turn(self):
        peer = """other=echo '{"tests": [{"test": "a", "rate": 1}]}'"""
        run = self.run_compare("--ours", peer.partition("=")[2], "--program", peer, "--rounds", "2")
        self.assertEqual([line.split(": ")[1] for line in run.stderr.splitlines()], ["tessera", "other"] * 2)

    def test_says_which_program_measured_nothing_to_compare(self):
        ours = """echo '{"tests": [{"test": "a", "rate": 30}]}'"""
        run = self.run_compare("--ours", ours, "--program", """other=echo '{"tests": []}'""", "--rounds", "1")
        self.assertIn("other measured none of a", run.stderr)

    def test_says_which_program_failed(self):
        run = self.run_compare("--ours", "false")
        self.assertEqual(run.returncode, 1)
        self.assertIn("false ended with 1", run.stderr)


class Count(unittest.TestCase):
    def test_reads_the_total_of_each_dump(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "out.1").write_text("desc: Trigger: Client Request: softmax, 1 row\nsummary: 123\n")
            (Path(folder) / "out").write_text("desc: Trigger: Program termination\nsummary: 5\n")
            self.assertEqual(count.read_dumps(Path(folder)), {"softmax, 1 row": 123})

    def test_allows_two_percent_and_no_more(self):
        self.assertEqual(list(count.differences({"a": 1000}, {"a": 1020})), [])
        self.assertEqual(len(list(count.differences({"a": 1000}, {"a": 1021}))), 1)
        self.assertEqual(len(list(count.differences({"a": 1000}, {"a": 979}))), 1)

    def test_names_kernels_that_are_missing_or_new(self):
        lines = list(count.differences({"a": 1}, {"b": 1}))
        self.assertIn("no such kernel", lines[0])
        self.assertIn("does not have", lines[1])


if __name__ == "__main__":
    unittest.main(argv=[arg for arg in sys.argv if arg != "--quiet"], verbosity=0 if "--quiet" in sys.argv else 1)
