#!/usr/bin/env python3
"""Decoding's attention on the GPU: one new token of each sequence against its keys in pages, in bf16.

    bench/cuda/decode.py build/cuda/bench/libtessera_attention.so

Prints the bytes of keys and values read per second as a share of what a large copy moves (bytes read and written), and
PyTorch's scaled_dot_product_attention (keys end to end, not in pages) in the same run. Medians of graphs of 20 calls; the
keys of several layers in turn, so that the cache cannot hold them.
"""
import ctypes
import statistics
import sys

import torch
import torch.nn.functional as F


def milliseconds(body, runs=9):
    times = []
    for run in range(runs + 2):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        body()
        end.record()
        end.synchronize()
        if run >= 2:
            times.append(begin.elapsed_time(end))
    return statistics.median(times)


def main():
    library = ctypes.CDLL(sys.argv[1])
    library.tessera_error.restype = ctypes.c_char_p
    library.tessera_paged_plan.restype = ctypes.c_void_p
    big = torch.empty(2 << 30, dtype=torch.uint8, device="cuda")
    other = torch.empty_like(big)
    copy = 2 * big.numel() / milliseconds(lambda: other.copy_(big)) / 1e9
    print(torch.cuda.get_device_name(), f"copy {copy:.2f} TB/s")
    del big, other
    for heads, kv_heads, dim in ((28, 4, 128), (32, 8, 128), (16, 16, 64), (32, 32, 128)):
        for sequences, keys in ((1, 8192), (1, 65536), (16, 4096), (64, 4096)):
            layers = max(2, min(40, (4 << 30) // (sequences * keys * kv_heads * dim * 4)))
            pages = sequences * keys // 64
            k = [torch.randn(pages, kv_heads, 64, dim, device="cuda").bfloat16() for _ in range(layers)]
            v = [torch.randn(pages, kv_heads, 64, dim, device="cuda").bfloat16() for _ in range(layers)]
            q = torch.randn(sequences, heads, dim, device="cuda").bfloat16()
            o, lse = torch.empty_like(q), torch.empty(sequences, heads, device="cuda")
            plan = ctypes.c_void_p(library.tessera_paged_plan(1, heads, kv_heads, dim, dim, sequences, keys))
            pointer = lambda t: ctypes.c_void_p(t.data_ptr())

            def ours():
                for layer in range(layers):
                    if library.tessera_paged_forward(plan, pointer(q), pointer(k[layer]), pointer(v[layer]),
                                                     ctypes.c_int64(pages), pointer(o), pointer(lse)):
                        raise RuntimeError(library.tessera_error().decode())

            flat = [t.view(sequences, keys // 64, kv_heads, 64, dim).transpose(2, 3).reshape(sequences, keys, kv_heads, dim)
                    .transpose(1, 2) for t in (k[0], v[0])]
            wanted = F.scaled_dot_product_attention(q[:, :, None].float(), flat[0].float(), flat[1].float(),
                                                    enable_gqa=True)[:, :, 0]
            ours()
            library.tessera_paged_forward(plan, pointer(q), pointer(k[0]), pointer(v[0]), ctypes.c_int64(pages), pointer(o), pointer(lse))
            difference = (o.float() - wanted).abs().max().item()
            theirs_k = [t.view(sequences, kv_heads, keys, dim) for t in k]  # the same bytes, read as if end to end
            theirs_v = [t.view(sequences, kv_heads, keys, dim) for t in v]

            def theirs():
                for layer in range(layers):
                    F.scaled_dot_product_attention(q[:, :, None], theirs_k[layer], theirs_v[layer], enable_gqa=True)

            bytes_read = 2 * sequences * keys * kv_heads * dim * 2 * layers
            a, b = milliseconds(ours), milliseconds(theirs)
            print(f"H {heads:2d} G {kv_heads:2d} D {dim:3d}  {sequences:3d} x {keys:6d} keys  {bytes_read / a / 1e9:5.2f} TB/s "
                  f"({bytes_read / a / 1e9 / copy:4.0%})  {a / layers * 1e3:7.1f} us a layer   torch {bytes_read / b / 1e9:5.2f} TB/s  "
                  f"difference {difference:.1e}", flush=True)
            library.tessera_paged_free(plan)


if __name__ == "__main__":
    main()
