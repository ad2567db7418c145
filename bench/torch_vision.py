"""How fast transformers encodes a picture with the vision tower of a configuration, with random weights in bf16:

    python3 bench/torch_vision.py bench/configs/ui-tars-2b.json [WIDTH HEIGHT] [RUNS]

The peer of vision_bench: the same patches through the same tower, its preparation left out. Needs torch and transformers.
"""

import json
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


def main(path, width=1280, height=720, runs=3):
    with open(path) as file:
        raw = json.load(file)
    kind = raw["model_type"]
    config = AutoConfig.for_model(kind, **{k: v for k, v in raw.items() if k != "model_type"}).vision_config
    config._attn_implementation = "sdpa"
    tower = TOWERS[kind]._from_config(config, dtype=torch.bfloat16).eval()
    unit = config.patch_size * config.spatial_merge_size
    rows, columns = (2 * round(side / unit) for side in (height, width))
    values = 3 * config.temporal_patch_size * config.patch_size**2
    patches = torch.randn(rows * columns, values, dtype=torch.bfloat16)
    grid = torch.tensor([[1, rows, columns]])
    seconds = []
    with torch.inference_mode():
        for _ in range(runs):
            start = time.perf_counter()
            tower(patches, grid_thw=grid)
            seconds.append(time.perf_counter() - start)
    print(f"{width} x {height}: {rows * columns} patches; encode {statistics.median(seconds):.2f} s")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
