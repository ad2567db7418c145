#!/usr/bin/env python3
"""Makes the tiny checkpoints and expected numbers of tests/data that cover what published goldens leave out.

    pip install torch transformers safetensors
    python tools/oracle/tiny_models.py tests/data

Each case is a random checkpoint in Hugging Face's layout and `golden.safetensors`: logits, hidden states, loss and
gradients of transformers in float32. `rope_scaling.json` holds the inverse frequencies of every scaling rule.
"""
import json
import pathlib
import sys

import torch
import transformers
from safetensors.torch import save_file
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

SIZES = dict(vocab_size=96, hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4,
             num_key_value_heads=2, bos_token_id=1, eos_token_id=2, pad_token_id=0, initializer_range=0.2)


def golden(model, batch, length):
    """Forward, loss and gradients of `model` on random ids."""
    ids = torch.randint(3, model.config.vocab_size, (batch, length))
    labels = ids.clone()
    labels[:, :3] = -100
    hidden = {}
    parts = {"embed": model.model.embed_tokens, "final_norm": model.model.norm}
    parts.update({f"layer{i}": layer for i, layer in enumerate(model.model.layers)})
    for name, part in parts.items():
        part.register_forward_hook(lambda _, __, output, name=name: hidden.update({name: output}))
    out = model(input_ids=ids, labels=labels, use_cache=False)
    out.loss.backward()
    tensors = {"input_ids": ids, "labels": labels, "logits": out.logits, "loss": out.loss.reshape(1)}
    tensors.update({f"hidden.{name}": output for name, output in hidden.items()})
    for name, weight in model.named_parameters():
        tensors[f"grad.{name}"] = weight.grad
    return {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}


def write_case(folder, config, batch, length):
    torch.manual_seed(7)
    config._attn_implementation = "eager"
    model = transformers.AutoModelForCausalLM.from_config(config).float().eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("bias"):
                weight.normal_(0, 0.3)
            if "norm" in name:
                weight.normal_(1, 0.2)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(golden(model, batch, length), folder / "golden.safetensors")
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)


def rope_cases():
    base = dict(rope_theta=10000.0)
    original = dict(original_max_position_embeddings=64)
    yield "default", dict(base, rope_type="default"), 512, 20
    yield "linear", dict(base, rope_type="linear", factor=4.0), 512, 20
    yield "dynamic_short", dict(base, rope_type="dynamic", factor=2.0), 64, 40
    yield "dynamic_long", dict(base, rope_type="dynamic", factor=2.0), 64, 200
    yield "llama3", dict(base, rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                         **original), 512, 20
    yield "yarn", dict(base, rope_type="yarn", factor=8.0, **original), 512, 20
    yield "yarn_mscale", dict(base, rope_type="yarn", factor=8.0, mscale=1.0, mscale_all_dim=0.5, **original), 512, 20
    yield "yarn_factor_given", dict(base, rope_type="yarn", factor=8.0, attention_factor=1.25, beta_fast=16,
                                    beta_slow=2, **original), 512, 20
    yield "yarn_no_truncate", dict(base, rope_type="yarn", factor=8.0, truncate=False, **original), 512, 20
    factors = dict(short_factor=[1.0 + 0.1 * i for i in range(16)], long_factor=[1.0 + 0.5 * i for i in range(16)])
    yield "longrope_short", dict(base, rope_type="longrope", factor=8.0, **factors, **original), 512, 20
    yield "longrope_long", dict(base, rope_type="longrope", factor=8.0, **factors, **original), 512, 100


def write_rope(path):
    rows = []
    for name, rope, max_position, length in rope_cases():
        config = transformers.LlamaConfig(**SIZES, head_dim=32, max_position_embeddings=max_position,
                                          rope_parameters=dict(rope))
        if rope["rope_type"] == "default":
            frequencies = 1.0 / (rope["rope_theta"] ** (torch.arange(0, 32, 2).float() / 32))
            factor = 1.0
        else:
            frequencies, factor = ROPE_INIT_FUNCTIONS[rope["rope_type"]](config, "cpu", seq_len=length)
        rows.append(dict(name=name, head_dim=32, length=length,
                         config=dict(max_position_embeddings=max_position, rope_parameters=rope),
                         inverse_frequencies=frequencies.tolist(), attention_factor=float(factor)))
    path.write_text(json.dumps(rows, indent=1) + "\n")


def main():
    out = pathlib.Path(sys.argv[1])
    write_case(out / "qwen2_sliding_window_fp32", transformers.Qwen2Config(
        **SIZES, max_position_embeddings=256, tie_word_embeddings=False, use_sliding_window=True, sliding_window=5,
        max_window_layers=1, rope_parameters=dict(rope_type="yarn", rope_theta=10000.0, factor=4.0,
                                                  original_max_position_embeddings=64)), 2, 21)
    write_case(out / "llama_biases_dynamic_fp32", transformers.LlamaConfig(
        **SIZES, head_dim=10, max_position_embeddings=16, tie_word_embeddings=False, attention_bias=True, mlp_bias=True,
        rope_parameters=dict(rope_type="dynamic", rope_theta=10000.0, factor=2.0)), 2, 29)
    write_rope(out / "rope_scaling.json")


if __name__ == "__main__":
    main()
