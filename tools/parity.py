#!/usr/bin/env python3
"""Writes docs/parity.md: for every golden case, how far the program is from the reference after each layer.

    python3 tools/parity.py build/release/bin/tessera > docs/parity.md

Runs `tessera forward` on each case of tests/data in f32 and in bf16. The error of a tensor is |d| / |g| over the whole of it
(Frobenius norms); in f32 also the greatest |d|. Needs nothing but Python.
"""

import array
import json
import math
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "tests/data"
CODES = {"F32": "f", "I64": "q"}

HEAD = """# Parity, layer by layer

Made by `python3 tools/parity.py build/release/bin/tessera > docs/parity.md`. Each case is a tiny checkpoint of random weights with
the numbers that transformers, for Kimi-VL a reference written in PyTorch, computes from it in float32 (`tests/data`). The error of
a tensor is |d| / |g| over the whole of it (Frobenius norms), d the difference from the golden g; `greatest` is the greatest |d|. In
`bf16` weights and activations are bfloat16, which has 8 bits: PyTorch's own bfloat16 passes err as much ([UI-TARS](ui-tars.md),
[models](models.md)). Machines with other instructions differ in the last digits."""


def read(path):
    """The f32 and i64 tensors of a safetensors file: name -> (dtype, shape, values)."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    tensors = {}
    for name, info in header.items():
        if info["dtype"] in CODES:
            begin, end = (8 + size + offset for offset in info["data_offsets"])
            tensors[name] = (info["dtype"], info["shape"], array.array(CODES[info["dtype"]], data[begin:end]))
    return tensors


def write(path, tensors):
    header, body = {}, b""
    for name, (dtype, shape, values) in tensors.items():
        raw = values.tobytes()
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def case_input(golden):
    """What the pass is given, and the golden's name for each result."""
    if "p1.input_ids" in golden and "image_a.grid_thw" in golden:
        given = {"input_ids": golden["p1.input_ids"], "pixel_values": golden["image_a.pixel_values"],
                 "image_grid_thw": golden["image_a.grid_thw"]}
        return given, lambda name: "p1." + name if name == "logits" else "image_a." + name
    if "p1.input_ids" in golden and "image_a.grid_hw" in golden:
        given = {"input_ids": golden["p1.input_ids"], "pixel_values": golden["image_a.pixel_values"],
                 "image_grid_hws": golden["image_a.grid_hw"]}
        names = {"logits": "p1.logits", "vision.pos_emb": "image_a.pos_emb", "vision_embeds": "image_a.embeds"}
        return given, lambda name: names.get(name, "image_a." + name)
    if "text.raw_logits" in golden:
        return {"input_ids": golden["text.input_ids"]}, lambda name: "text." + ("raw_logits" if name == "logits" else name)
    if "input_ids" in golden and "logits" in golden:
        return {"input_ids": golden["input_ids"]}, lambda name: name
    return None, None


def errors(own, golden):
    difference = [a - b for a, b in zip(own, golden)]
    norm = math.sqrt(sum(g * g for g in golden))
    return math.sqrt(sum(d * d for d in difference)) / norm, max(map(abs, difference))


def rows(program, folder, golden):
    given, golden_name = case_input(golden)
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        source, out = Path(scratch) / "in.safetensors", Path(scratch) / "out.safetensors"
        write(source, given)
        for dtype in ("f32", "bf16"):
            subprocess.run([program, "forward", folder, "-q", "-i", source, "-o", out, "--dtype", dtype], check=True)
            for name, (_, _, values) in read(out).items():
                if golden_name(name) in golden:
                    found.setdefault(name, {})[dtype] = errors(values, golden[golden_name(name)][2])
    for name, by_dtype in found.items():
        (f32, greatest), (bf16, _) = by_dtype["f32"], by_dtype["bf16"]
        yield f"| `{name}` | {f32:.1e} | {greatest:.1e} | {bf16:.2%} |"


def main():
    program = Path(sys.argv[1]).resolve()
    print(HEAD)
    for folder in sorted(DATA.iterdir()):
        if not (folder / "golden.safetensors").exists() or not (folder / "config.json").exists():
            continue
        golden = read(folder / "golden.safetensors")
        if case_input(golden)[0] is None:
            continue
        family = json.loads((folder / "config.json").read_text())["model_type"]
        print(f"\n## {folder.name}\n\nFamily `{family}`.\n\n| after | f32 | greatest | bf16 |\n|---|---|---|---|")
        print("\n".join(rows(program, folder, golden)))


if __name__ == "__main__":
    main()
