#!/usr/bin/env python3
"""Writes tessera/kernels/cuda/wgmma.cuh: one function for each shape and type of Hopper's matrix instruction that the
kernels use. The instruction names each of its registers, so its text cannot be made by a template."""
import os

WIDTHS = [32, 64, 80, 128, 176, 256]
TYPES = [("BFloat16", "bf16"), ("Float16", "f16")]

HEAD = """#pragma once
// Hopper's matrix instruction, wgmma.mma_async (PTX ISA, "Asynchronous Warpgroup Level Matrix Multiply-Accumulate"):
// D [64, N] += A [64, 16] B [16, N] for a warpgroup, D in f32 registers, B in shared memory, A there or in registers.
// Written by tools/make_wgmma.py.
// clang-format off

#include <cstdint>

#include "tessera/core/dtype.h"

namespace tessera::kernels::cuda {

// `FromShared`: a and b are matrix descriptors; kTransA, kTransB say that M, N are contiguous instead of K.
// `ZeroFromShared`: D = A B, whatever the registers held.  `FromRegisters`: a holds the warpgroup's fragment.
template <typename T, int N>
struct Wgmma;
"""


def instruction(n, ptx, registers_a, zero):
    count = n // 2
    d = ", ".join(f"%{i}" for i in range(count))
    if registers_a:
        a = "{" + ", ".join(f"%{count + i}" for i in range(4)) + "}"
        b, trans = f"%{count + 4}", f", %{count + 5}"
    else:
        a, b, trans = f"%{count}", f"%{count + 1}", f", %{count + 2}, %{count + 3}"
    lines = [
        "{ .reg .pred p;\\n",
        f"setp.ne.b32 p, {0 if zero else 1}, 0;\\n",
        f"wgmma.mma_async.sync.aligned.m64n{n}k16.f32.{ptx}.{ptx}\\n",
    ]
    words = d.split(", ")
    rows = [", ".join(words[i:i + 16]) for i in range(0, count, 16)]
    for i, row in enumerate(rows):
        lines.append(("{" if i == 0 else " ") + row + ("},\\n" if i == len(rows) - 1 else ",\\n"))
    lines.append(f"{a}, {b}, p, 1, 1{trans}; }}\\n")
    text = "\n        ".join(f'"{line}"' for line in lines)
    mode = "=" if zero else "+"
    outs = [f'"{mode}f"(d[{i}])' for i in range(count)]
    out_rows = ",\n          ".join(", ".join(outs[i:i + 6]) for i in range(0, count, 6))
    if registers_a:
        ins = ('"r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "n"(kTransB ? 1 : 0)')
    else:
        ins = '"l"(a), "l"(b), "n"(kTransA ? 1 : 0), "n"(kTransB ? 1 : 0)'
    return f"    asm volatile(\n        {text}\n        : {out_rows}\n        : {ins});\n"


def main():
    out = [HEAD]
    for name, ptx in TYPES:
        for n in WIDTHS:
            def function(name, registers_a, zero):
                trans = "bool kTransB" if registers_a else "bool kTransA, bool kTransB"
                a = "const uint32_t* a" if registers_a else "uint64_t a"
                return (f"  template <{trans}>\n  static __device__ __forceinline__ void {name}(float (&d)[{n // 2}], "
                        f"{a}, uint64_t b) {{\n{instruction(n, ptx, registers_a, zero)}  }}\n")

            out.append(f"""
template <>
struct Wgmma<{name}, {n}> {{
{function("FromShared", False, False)}{function("ZeroFromShared", False, True)}{function("FromRegisters", True, False)}}};
""")
    out.append("\n}  // namespace tessera::kernels::cuda\n")
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    with open(os.path.join(root, "tessera/kernels/cuda/wgmma.cuh"), "w") as file:
        file.write("".join(out))


if __name__ == "__main__":
    main()
