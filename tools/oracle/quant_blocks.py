#!/usr/bin/env python3
"""Makes tests/data/quant/: small vectors for every block format, from the `gguf` package (pip install gguf numpy).

    python3 tools/oracle/quant_blocks.py tests/data/quant

For each format T:
    T.blocks   blocks as they lie in a file: random bits with finite f16 scales of many sizes (zeros and subnormals too)
    T.values   the f32 values that gguf.quants.dequantize gives for them
For the formats that the package can write, and f16 and bf16:
    T.quantized   what gguf.quants.quantize gives for input.values
input.values are f32 rows of 256: normal deviates of several sizes, zeros, constants, single spikes, scales that are subnormal, ties.
"""

import sys
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf import quants
from gguf.constants import GGML_QUANT_SIZES

READ = [T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0, T.Q2_K, T.Q3_K, T.Q4_K, T.Q5_K, T.Q6_K, T.IQ4_NL, T.IQ4_XS]
WRITE = [T.F16, T.BF16, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0]
# Byte offsets of the f16 scales in a block.
SCALES = {T.Q4_1: [0, 2], T.Q5_1: [0, 2], T.Q2_K: [80, 82], T.Q3_K: [108], T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208]}
VALUES_A_FORMAT = 4096


def random_blocks(kind, rng):
    block_size, block_bytes = GGML_QUANT_SIZES[kind]
    count = VALUES_A_FORMAT // block_size
    blocks = rng.integers(0, 256, (count, block_bytes), dtype=np.uint8)
    for offset in SCALES.get(kind, [0]):
        scale = (rng.normal(size=count) * 10.0 ** rng.integers(-7, 3, count)).astype(np.float16)
        scale[0] = 0
        blocks[:, offset : offset + 2] = scale.view(np.uint8).reshape(count, 2)
    return blocks


def input_rows(rng):
    rows = [rng.normal(size=256) * size for size in (1e-6, 0.02, 1.0, 300.0)]
    rows.append(np.zeros(256))
    rows.append(np.full(256, 0.75))
    rows.append(np.full(256, -3.5))
    spike = np.zeros(256)
    spike[::37] = -7.25
    rows.append(spike)
    rows.append(rng.normal(size=256) * 2e-37)  # scales subnormal in f32
    rows.append(rng.normal(size=256) * 2e-8)  # scales subnormal in f16, or zero
    rows.append(np.tile(np.arange(-16, 16), 8) * 0.5)  # ties between codes
    rows.append(np.abs(rng.normal(size=256)) + 5)  # far from zero
    rows.append(rng.standard_t(2, size=256) * 0.05)  # heavy tails
    rows.append(rng.integers(-127, 128, 256).astype(np.float64))
    return np.array(rows).astype(np.float32)


def main(folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(20)
    for kind in READ:
        blocks = random_blocks(kind, rng)
        blocks.tofile(folder / f"{kind.name.lower()}.blocks")
        quants.dequantize(blocks, kind).astype("<f4").tofile(folder / f"{kind.name.lower()}.values")
    rows = input_rows(rng)
    rows.tofile(folder / "input.values")
    for kind in WRITE:
        quants.quantize(rows, kind).tofile(folder / f"{kind.name.lower()}.quantized")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
