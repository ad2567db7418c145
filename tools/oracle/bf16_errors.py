#!/usr/bin/env python3
"""Measures how far PyTorch's own bfloat16 pass is from float32, for the golden cases that hold gradients.

    pip install torch transformers safetensors
    python tools/oracle/bf16_errors.py tests/data/llama_smollm2_fp32 …

Weights, activations and gradients are bfloat16, as `tessera grad --dtype bf16` has them. Writes bf16_errors.json beside
each golden.safetensors: |d| / |g| over each whole tensor (Frobenius norms), by the tensor's name there.
"""
import json
import pathlib
import sys

import torch
import transformers
from safetensors.torch import load_file


def errors(folder):
    golden = load_file(folder / "golden.safetensors")
    train = "train." if "train.loss" in golden else ""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, attn_implementation="eager")
    out = model(input_ids=golden[train + "input_ids"], labels=golden[train + "labels"], use_cache=False)
    out.loss.backward()
    found = {train + "loss": out.loss.detach().reshape(1)}
    found.update({f"grad.{name}": weight.grad for name, weight in model.named_parameters()})
    return {name: float((x.float() - golden[name]).norm() / golden[name].norm()) for name, x in found.items()}


def main():
    for name in sys.argv[1:]:
        folder = pathlib.Path(name)
        text = json.dumps({key: float(f"{value:.3g}") for key, value in errors(folder).items()}, indent=1)
        (folder / "bf16_errors.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
