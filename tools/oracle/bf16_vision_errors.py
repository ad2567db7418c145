#!/usr/bin/env python3
"""Measures how far PyTorch's own bfloat16 pass over a prompt with a picture is from float32, for the golden cases that see.

    pip install torch transformers safetensors
    python tools/oracle/bf16_vision_errors.py tests/data/qwen2vl_fp32 tests/data/qwen25vl_bf16

Weights, activations and gradients are bfloat16, as `tessera forward` and `tessera grad` have them with --dtype bf16; cases
that hold gradients are asked for these too. Writes bf16_errors.json beside each
golden.safetensors: |d| / |g| over each whole tensor (Frobenius norms), by the tensor's name there.
"""
import json
import pathlib
import sys

import torch
import transformers
from safetensors.torch import load_file


def errors(folder):
    golden = load_file(folder / "golden.safetensors")
    model = transformers.AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.bfloat16,
                                                                     attn_implementation="eager")
    tower, found = model.model.visual, {}

    def keep(name):
        def hook(_, __, output):
            found[name] = output[0] if isinstance(output, tuple) else output
        return hook

    tower.patch_embed.register_forward_hook(keep("image_a.vision.patch_embed"))
    for i, block in enumerate(tower.blocks):
        block.register_forward_hook(keep(f"image_a.vision.block{i}"))
    ids = golden["p1.input_ids"]
    out = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False,
                pixel_values=golden["image_a.pixel_values"].to(torch.bfloat16),
                image_grid_thw=golden["image_a.grid_thw"], position_ids=golden["p1.position_ids"])
    found["p1.logits"] = out.logits
    if "train.loss" in golden:
        out = model(input_ids=golden["train.input_ids"], attention_mask=torch.ones_like(ids), use_cache=False,
                    labels=golden["train.labels"], pixel_values=golden["image_a.pixel_values"].to(torch.bfloat16),
                    image_grid_thw=golden["image_a.grid_thw"], position_ids=golden["p1.position_ids"])
        out.loss.backward()
        found["train.loss"] = out.loss.reshape(1)
        for name, weight in model.named_parameters():
            published = name.replace("model.visual.", "visual.").replace("model.language_model.", "model.")
            found[f"grad.{published}"] = weight.grad
    found = {name: x.detach() for name, x in found.items()}
    return {name: float((x.float() - golden[name]).norm() / golden[name].norm()) for name, x in found.items()}


def main():
    for name in sys.argv[1:]:
        folder = pathlib.Path(name)
        text = json.dumps({key: float(f"{value:.3g}") for key, value in errors(folder).items()}, indent=1)
        (folder / "bf16_errors.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
