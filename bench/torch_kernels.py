#!/usr/bin/env python3
"""PyTorch's attention and dense products under the names of kernels_bench, as one JSON object for bench/compare:

    bench/compare --ours "build/release/bin/kernels_bench --json --tokens 4096 attention" \
                  --program "torch=python3 bench/torch_kernels.py --tokens 4096"
    bench/compare --ours "build/release/bin/kernels_bench --json --inputs 2048 --outputs 2048 --rows 2048 product" \
                  --program "torch=python3 bench/torch_kernels.py --size 2048"

A rate is operations a second, by the median of the runs that fit into SECONDS, three at least, as there.
"""

import argparse
import json
import os
import statistics
import time

import torch


def median_seconds(body, budget):
    body()
    seconds, end = [], time.perf_counter() + budget
    while len(seconds) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        body()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def attention(tokens, dtype, name, budget):
    """A causal prompt, 16 heads of 128, forward and with gradients."""
    shape, work = (1, 16, tokens, 128), 2 * 16 * 128 * tokens**2
    q, k, v, grad = (torch.randn(shape).to(dtype) for _ in range(4))
    attend = torch.nn.functional.scaled_dot_product_attention
    with torch.no_grad():
        forward = median_seconds(lambda: attend(q, k, v, is_causal=True), budget)
    variables = [x.clone().requires_grad_() for x in (q, k, v)]
    both = median_seconds(lambda: torch.autograd.grad(attend(*variables, is_causal=True), variables, grad), budget)
    yield {"test": f"attention {name}, {tokens} tokens", "rate": work / forward}
    yield {"test": f"attention {name}, {tokens} tokens, with gradients", "rate": 3.5 * work / both}


def product(size, dtype, name, budget):
    x, w = torch.randn(size, size).to(dtype), torch.randn(size, size).to(dtype)
    with torch.no_grad():
        seconds = median_seconds(lambda: torch.nn.functional.linear(x, w), budget)
    yield {"test": f"product {name}, {size} rows", "rate": 2 * size**3 / seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=0, help="of attention; 0: leave it out")
    parser.add_argument("--size", type=int, default=0, help="of products; 0: leave them out")
    parser.add_argument("--seconds", type=float, default=1)
    o = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(int(os.environ.get("TESSERA_THREADS", len(os.sched_getaffinity(0)))))
    tests = []
    for dtype, name in ((torch.float32, "f32"), (torch.bfloat16, "bf16")):
        if o.tokens:
            tests += attention(o.tokens, dtype, name, o.seconds)
        if o.size:
            tests += product(o.size, dtype, name, o.seconds)
    print(json.dumps({"tests": tests}))


if __name__ == "__main__":
    main()
