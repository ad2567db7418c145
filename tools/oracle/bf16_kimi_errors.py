#!/usr/bin/env python3
"""Measures how far a bfloat16 pass over Kimi-VL's golden prompt is from float32, written plainly in numpy.

    pip install numpy ml_dtypes safetensors
    python tools/oracle/bf16_kimi_errors.py tests/data/kimi_vl_fp32

Transformers has no Kimi-VL, so this is its forward pass with the result of every operator rounded to bfloat16 and norms, softmax
and routing in float32, as PyTorch computes. The same pass without rounding must give the goldens first. Writes
bf16_errors.json beside golden.safetensors: |d| / |g| over each whole tensor (Frobenius norms), by the tensor's name there.
"""
import json
import math
import pathlib
import sys

import ml_dtypes
import numpy as np
from safetensors.numpy import load_file


class Pass:
    def __init__(self, folder, rounded):
        self.rounded = rounded
        self.config = json.loads((folder / "config.json").read_text())
        # The correction bias of the routers stays in float32, as in published checkpoints.
        self.weights = {k: v if k.endswith("correction_bias") else self.r(v)
                        for k, v in load_file(folder / "model.safetensors").items()}
        self.golden = load_file(folder / "golden.safetensors")
        self.found = {}

    def r(self, x):
        x = np.asarray(x, np.float32)
        return x.astype(ml_dtypes.bfloat16).astype(np.float32) if self.rounded else x

    def linear(self, x, name):
        y = x @ self.weights[name + ".weight"].reshape(self.weights[name + ".weight"].shape[0], -1).T
        bias = self.weights.get(name + ".bias")
        return self.r(y if bias is None else y + bias)

    def layer_norm(self, x, name):
        centred = x - x.mean(-1, keepdims=True)
        y = centred / np.sqrt((centred ** 2).mean(-1, keepdims=True) + 1e-5)
        return self.r(y * self.weights[name + ".weight"] + self.weights[name + ".bias"])

    def rms_norm(self, x, name, eps):
        return self.r(self.r(x / np.sqrt((x ** 2).mean(-1, keepdims=True) + eps)) * self.weights[name + ".weight"])

    def attend(self, q, k, v, scale, mask=None):  # [H, T, D]
        s = self.r(self.r(q @ k.transpose(0, 2, 1)) * scale)
        if mask is not None:
            s = np.where(mask, s, -np.inf)
        p = np.exp(s - s.max(-1, keepdims=True))
        return self.r(self.r(p / p.sum(-1, keepdims=True)) @ v)

    def turn(self, x, angles):  # adjacent pairs of [H, T, D] by [T, D / 2]
        a, b, cos, sin = x[..., 0::2], x[..., 1::2], np.cos(angles), np.sin(angles)
        return self.r(np.stack([a * cos - b * sin, b * cos + a * sin], -1).reshape(x.shape))

    def gelu_tanh(self, x):
        return self.r(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3))))

    def gelu(self, x):
        return self.r(0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))))

    def swiglu(self, x, name):
        gate = self.linear(x, name + ".gate_proj")
        hidden = self.r(self.r(gate / (1 + np.exp(-gate))) * self.linear(x, name + ".up_proj"))
        return self.linear(hidden, name + ".down_proj")

    def tower(self):
        c = self.config["vision_config"]
        heads, (h, w) = c["num_attention_heads"], self.golden["image_a.grid_hw"][0]
        patches = self.r(self.golden["image_a.pixel_values"].reshape(h * w, -1))
        # The fitted table is the golden's: interpolation itself is tested apart.
        x = self.r(self.linear(patches, "vision_tower.patch_embed.proj") + self.r(self.golden["image_a.pos_emb"]))
        self.found["image_a.vision.patch_embed"] = x
        size = x.shape[1] // heads
        frequencies = 10000.0 ** (-4.0 * np.arange(size // 4) / size)
        rows, columns = np.divmod(np.arange(h * w), w)
        angles = np.stack([np.outer(columns, frequencies), np.outer(rows, frequencies)], -1).reshape(h * w, -1)
        for i in range(c["num_hidden_layers"]):
            s = f"vision_tower.encoder.blocks.{i}"
            qkv = self.linear(self.layer_norm(x, s + ".norm0"), s + ".wqkv").reshape(h * w, 3, heads, size)
            q, k, v = qkv.transpose(1, 2, 0, 3)
            o = self.attend(self.turn(q, angles), self.turn(k, angles), v, size ** -0.5)
            x = self.r(x + self.linear(o.transpose(1, 0, 2).reshape(h * w, -1), s + ".wo"))
            hidden = self.gelu_tanh(self.linear(self.layer_norm(x, s + ".norm1"), s + ".mlp.fc0"))
            x = self.r(x + self.linear(hidden, s + ".mlp.fc1"))
            self.found[f"image_a.vision.block{i}"] = x
        x = self.layer_norm(x, "vision_tower.encoder.final_layernorm")
        x = x.reshape(h // 2, 2, w // 2, 2, -1).transpose(0, 2, 1, 3, 4).reshape(h * w // 4, 4, -1)
        self.found["image_a.vision.merged"] = x
        x = self.layer_norm(x, "multi_modal_projector.pre_norm").reshape(h * w // 4, -1)
        x = self.linear(self.gelu(self.linear(x, "multi_modal_projector.linear_1")), "multi_modal_projector.linear_2")
        self.found["image_a.embeds"] = x
        return x

    def experts(self, x, name):
        c = self.config["text_config"]
        gate = self.weights[name + ".gate.weight"]
        scores = 1 / (1 + np.exp(-(x @ gate.T)))
        y = self.swiglu(x, name + ".shared_experts")
        for t in range(len(x)):
            chosen = np.argsort(-(scores[t] + self.weights[name + ".gate.e_score_correction_bias"]))
            chosen = chosen[:c["num_experts_per_tok"]]
            weights = scores[t, chosen] / (scores[t, chosen].sum() + 1e-20) * c["routed_scaling_factor"]
            parts = [w * self.swiglu(x[t:t + 1], f"{name}.experts.{e}")[0] for e, w in zip(chosen, weights)]
            y[t] = self.r(self.r(sum(parts)) + y[t])
        return y

    def text(self, features):
        c, s = self.config["text_config"], "language_model.model"
        ids = self.golden["p1.input_ids"][0]
        x = self.weights[s + ".embed_tokens.weight"][ids].copy()
        x[ids == self.config["media_placeholder_token_id"]] = features
        T, H, eps = len(ids), c["num_attention_heads"], c["rms_norm_eps"]
        nope, rope, value, latent = (c[k] for k in ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "kv_lora_rank"))
        angles = np.outer(np.arange(T), c["rope_theta"] ** (-2.0 * np.arange(rope // 2) / rope))
        mask = np.tril(np.ones((T, T), bool))
        for i in range(c["num_hidden_layers"]):
            a = f"{s}.layers.{i}.self_attn"
            y = self.rms_norm(x, f"{s}.layers.{i}.input_layernorm", eps)
            q = self.linear(y, a + ".q_proj").reshape(T, H, nope + rope).transpose(1, 0, 2)
            down = self.linear(y, a + ".kv_a_proj_with_mqa")
            kv = self.linear(self.rms_norm(down[:, :latent], a + ".kv_a_layernorm", 1e-6), a + ".kv_b_proj")
            kv = kv.reshape(T, H, nope + value).transpose(1, 0, 2)
            key = np.broadcast_to(self.turn(down[None, :, latent:], angles), (H, T, rope))
            q = np.concatenate([q[..., :nope], self.turn(q[..., nope:], angles)], -1)
            o = self.attend(q, np.concatenate([kv[..., :nope], key], -1), kv[..., nope:], (nope + rope) ** -0.5, mask)
            x = self.r(x + self.linear(o.transpose(1, 0, 2).reshape(T, -1), a + ".o_proj"))
            y = self.rms_norm(x, f"{s}.layers.{i}.post_attention_layernorm", eps)
            dense = i < c["first_k_dense_replace"]
            mlp = f"{s}.layers.{i}.mlp"
            x = self.r(x + (self.swiglu(y, mlp) if dense else self.experts(y, mlp)))
        self.found["p1.logits"] = self.linear(self.rms_norm(x, s + ".norm", eps), "language_model.lm_head")[None]

    def errors(self):
        self.text(self.tower())
        return {name: float(np.linalg.norm(x - self.golden[name]) / np.linalg.norm(self.golden[name]))
                for name, x in self.found.items()}


def main():
    for name in sys.argv[1:]:
        folder = pathlib.Path(name)
        exact = Pass(folder, False).errors()
        assert max(exact.values()) < 1e-4, exact
        text = json.dumps({key: float(f"{value:.3g}") for key, value in Pass(folder, True).errors().items()}, indent=1)
        (folder / "bf16_errors.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
