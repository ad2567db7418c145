#!/usr/bin/env python3
"""Attention on the GPU beside PyTorch's scaled_dot_product_attention with cuDNN, in turn, in one process.

    bench/cuda/attention.py build/cuda/bench/libtessera_attention.so [--dims 64 128 256] [--lengths 1024 4096 16384]

16,384 tokens in all, a hidden size of 2,048, bf16. Prints TFLOP/s (medians) counting 4 N² D a head forward, half of it
where causal, and 2.5 times as many backward; and the greatest difference from PyTorch's result.
"""
import argparse
import ctypes
import statistics

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel


def load(path):
    library = ctypes.CDLL(path)
    library.tessera_error.restype = ctypes.c_char_p
    library.tessera_attention_plan.restype = ctypes.c_void_p
    return library


class Ours:
    def __init__(self, library, heads, dim, value_dim, causal, sequences, length):
        self.library = library
        self.plan = library.tessera_attention_plan(1, heads, heads, dim, value_dim, int(causal), sequences, length, length)
        if not self.plan:
            raise RuntimeError(library.tessera_error().decode())

    def call(self, name, *tensors):
        pointers = [ctypes.c_void_p(t.data_ptr()) for t in tensors]
        if getattr(self.library, name)(ctypes.c_void_p(self.plan), *pointers):
            raise RuntimeError(self.library.tessera_error().decode())

    def close(self):
        self.library.tessera_attention_free(ctypes.c_void_p(self.plan))


def milliseconds(body):
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    body()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end)


def in_turn(bodies, runs):
    """Medians of each body's times, the bodies run in turn after three rounds to warm up."""
    times = [[] for _ in bodies]
    for run in range(runs + 3):
        for i, body in enumerate(bodies):
            taken = milliseconds(body)
            if run >= 3:
                times[i].append(taken)
    return [statistics.median(t) for t in times]


def measure(library, dim, value_dim, length, causal, runs, backward):
    heads, sequences = max(1, 2048 // dim), max(1, 16384 // length)
    generator = torch.Generator(device="cuda").manual_seed(1)

    def normal(*shape):
        return torch.randn(*shape, device="cuda", dtype=torch.bfloat16, generator=generator)

    tokens = sequences * length
    q, k = normal(tokens, heads, dim), normal(tokens, heads, dim)
    v, g = normal(tokens, heads, value_dim), normal(tokens, heads, value_dim)
    o = torch.empty_like(v)
    lse = torch.empty(tokens, heads, device="cuda")
    dq, dk, dv = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
    ours = Ours(library, heads, dim, value_dim, causal, sequences, length)

    def batched(t):
        return t.view(sequences, length, heads, -1).transpose(1, 2).detach().requires_grad_(backward)

    bq, bk, bv, bg = batched(q), batched(k), batched(v), batched(g)

    def torch_forward():
        with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
            return torch.nn.functional.scaled_dot_product_attention(bq, bk, bv, is_causal=causal)

    flops = 4 * length * length * (dim + value_dim) / 2 * heads * sequences / (2 if causal else 1)
    row = f"{dim:4d}/{value_dim:<4d}{length:7d} {'causal' if causal else 'full':7s}"

    ours_forward = lambda: ours.call("tessera_attention_forward", q, k, v, o, lse)
    try:
        theirs = torch_forward()
        bodies = [ours_forward, torch_forward]
    except RuntimeError:
        theirs, bodies = None, [ours_forward]
    taken = in_turn(bodies, runs)
    difference = float("nan") if theirs is None else (
        o.view(sequences, length, heads, -1).transpose(1, 2).float() - theirs.float()).abs().max().item()
    rates = [flops / t / 1e9 for t in taken]
    print(f"{row} forward  {rates[0]:6.0f}" + (f" torch {rates[1]:6.0f} ratio {rates[0] / rates[1]:5.2f} difference {difference:.1e}" if theirs is not None else ""), flush=True)
    if backward:
        ours_backward = lambda: ours.call("tessera_attention_vjp", q, k, v, o, lse, g, dq, dk, dv)
        bodies = [ours_backward]
        if theirs is not None:
            bodies.append(lambda: torch.autograd.grad(theirs, (bq, bk, bv), bg, retain_graph=True))
        taken = in_turn(bodies, runs)
        rates = [2.5 * flops / t / 1e9 for t in taken]
        text = f"{row} backward {rates[0]:6.0f}"
        if theirs is not None:
            wanted = torch.autograd.grad(theirs, (bq, bk, bv), bg, retain_graph=True)
            worst = max(((mine.view(sequences, length, heads, -1).transpose(1, 2).float() - w.float()).abs().max() /
                         w.float().abs().max()).item() for mine, w in zip((dq, dk, dv), wanted))
            text += f" torch {rates[1]:6.0f} ratio {rates[0] / rates[1]:5.2f} difference {worst:.1e}"
        print(text, flush=True)
    ours.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library")
    parser.add_argument("--dims", type=int, nargs="*", default=[64, 128, 256, 192])
    parser.add_argument("--lengths", type=int, nargs="*", default=[1024, 4096, 8192, 16384])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--forward-only", action="store_true")
    arguments = parser.parse_args()
    library = load(arguments.library)
    print(torch.cuda.get_device_name(), "PyTorch", torch.__version__, "cuDNN", torch.backends.cudnn.version())
    for dim in arguments.dims:
        for length in arguments.lengths:
            for causal in (False, True):
                try:
                    measure(library, dim, 128 if dim == 192 else dim, length, causal, arguments.runs, not arguments.forward_only)
                except RuntimeError as error:
                    print(dim, length, "causal" if causal else "full", str(error)[:150])


if __name__ == "__main__":
    main()
