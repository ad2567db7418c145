"""How fast transformers encodes a picture with the vision tower of a configuration, with random weights in bf16:

    python3 bench/torch_vision.py bench/configs/ui-tars-2b.json [WIDTH HEIGHT] [RUNS]

The peer of vision_bench: the same patches through the same tower, its preparation left out. Needs torch and transformers
(5.24 or later for Kimi-VL's, which it has as the tower of Kimi K2.5: the same layers, here for one frame).
"""

import json
import math
import statistics
import sys
import time

import torch
from transformers import AutoConfig
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VisionTransformerPretrainedModel
from transformers.models.qwen2_vl.modeling_qwen2_vl import Qwen2VisionTransformerPretrainedModel

TOWERS = {
    "qwen2_vl": Qwen2VisionTransformerPretrainedModel,
    "qwen2_5_vl": Qwen2_5_VisionTransformerPretrainedModel,
}


def qwen_tower(kind, raw):
    config = AutoConfig.for_model(kind, **{k: v for k, v in raw.items() if k != "model_type"}).vision_config
    config._attn_implementation = "sdpa"
    tower = TOWERS[kind]._from_config(config, dtype=torch.bfloat16).eval()
    values = (3 * config.temporal_patch_size * config.patch_size**2,)
    return lambda patches, grid: tower(patches, grid_thw=grid), values, config.patch_size


def kimi_tower(raw):
    from transformers.models.kimi_k25 import modeling_kimi_k25 as kimi

    sizes = raw["vision_config"]
    config = kimi.Kimi_K25Config(
        vision_config={
            key: sizes[key]
            for key in ("patch_size", "num_attention_heads", "num_hidden_layers", "hidden_size", "intermediate_size")
        },
        text_config={"model_type": "deepseek_v3", "hidden_size": raw["text_config"]["hidden_size"]},
        projection_hidden_size=sizes["hidden_size"],
    )
    config.vision_config._attn_implementation = "sdpa"
    tower = kimi.Kimi_K25VisionModel._from_config(config.vision_config, dtype=torch.bfloat16).eval()
    projector = kimi.Kimi_K25MultimodalProjection(config).to(torch.bfloat16).eval()
    side = config.vision_config.patch_size
    return lambda patches, grid: projector(tower(patches, grid).pooler_output), (3, side, side), side


def main(path, width=1280, height=720, runs=3):
    with open(path) as file:
        raw = json.load(file)
    kimi = raw["model_type"] == "kimi_vl"
    encode, values, patch = kimi_tower(raw) if kimi else qwen_tower(raw["model_type"], raw)
    unit = 2 * patch
    rows, columns = (2 * (math.ceil(side / unit) if kimi else round(side / unit)) for side in (height, width))
    patches = torch.randn(rows * columns, *values, dtype=torch.bfloat16)
    grid = torch.tensor([[1, rows, columns]])
    seconds = []
    with torch.inference_mode():
        for _ in range(runs):
            start = time.perf_counter()
            encode(patches, grid)
            seconds.append(time.perf_counter() - start)
    print(f"{width} x {height}: {rows * columns} patches; encode {statistics.median(seconds):.2f} s")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
