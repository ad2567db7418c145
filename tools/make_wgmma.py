#!/usr/bin/env python3
"""Writes tessera/kernels/cuda/wgmma.cuh: one function for each shape and type of Hopper's matrix instruction that the
kernels use. The instruction names each of its registers, so its text cannot be made by a template."""
import os

WIDTHS = [32, 64, 80, 96, 128, 176, 256]
TYPES = [("BFloat16", "bf16"), ("Float16", "f16")]

HEAD = """#pragma once
// Hopper's matrix instruction, wgmma.mma_async (PTX ISA, "Asynchronous Warpgroup Level Matrix Multiply-Accumulate"):
// D [64, N] += A [64, 16] B [16, N] for a warpgroup, D in f32 registers, B in shared memory, A there or in registers.
// Written by tools/make_wgmma.py.

#include <cstdint>

#include "tessera/core/dtype.h"

namespace tessera::kernels::cuda {

// `FromShared`: a and b are matrix descriptors; kTransA, kTransB say that M, N are contiguous instead of K.
// `FromRegisters`: a holds the warpgroup's fragment. `add` 0 overwrites D.
template <typename T, int N>
struct Wgmma;
"""


def instruction(n, ptx, registers_a):
    count = n // 2
    d = ", ".join(f"%{i}" for i in range(count))
    if registers_a:
        a = "{" + ", ".join(f"%{count + i}" for i in range(4)) + "}"
        b, add, trans = f"%{count + 4}", f"%{count + 5}", f", %{count + 6}"
    else:
        a, b, add = f"%{count}", f"%{count + 1}", f"%{count + 2}"
        trans = f", %{count + 3}, %{count + 4}"
    lines = [
        "{ .reg .pred p;\\n",
        f"setp.ne.b32 p, {add}, 0;\\n",
        f"wgmma.mma_async.sync.aligned.m64n{n}k16.f32.{ptx}.{ptx}\\n",
    ]
    words = d.split(", ")
    rows = [", ".join(words[i:i + 16]) for i in range(0, count, 16)]
    for i, row in enumerate(rows):
        lines.append(("{" if i == 0 else " ") + row + ("},\\n" if i == len(rows) - 1 else ",\\n"))
    lines.append(f"{a}, {b}, p, 1, 1{trans}; }}\\n")
    text = "\n        ".join(f'"{line}"' for line in lines)
    outs = [f'"+f"(d[{i}])' for i in range(count)]
    out_rows = ",\n          ".join(", ".join(outs[i:i + 6]) for i in range(0, count, 6))
    if registers_a:
        ins = ('"r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(add), "n"(kTransB ? 1 : 0)')
    else:
        ins = '"l"(a), "l"(b), "r"(add), "n"(kTransA ? 1 : 0), "n"(kTransB ? 1 : 0)'
    return f"    asm volatile(\n        {text}\n        : {out_rows}\n        : {ins});\n"


def main():
    out = [HEAD]
    for name, ptx in TYPES:
        for n in WIDTHS:
            out.append(f"""
template <>
struct Wgmma<{name}, {n}> {{
  template <bool kTransA, bool kTransB>
  static __device__ __forceinline__ void FromShared(float (&d)[{n // 2}], uint64_t a, uint64_t b, int add) {{
{instruction(n, ptx, False)}  }}
  template <bool kTransB>
  static __device__ __forceinline__ void FromRegisters(float (&d)[{n // 2}], const uint32_t* a, uint64_t b, int add) {{
{instruction(n, ptx, True)}  }}
}};
""")
    out.append("\n}  // namespace tessera::kernels::cuda\n")
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    with open(os.path.join(root, "tessera/kernels/cuda/wgmma.cuh"), "w") as file:
        file.write("".join(out))


if __name__ == "__main__":
    main()
