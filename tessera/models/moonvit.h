#pragma once
// MoonViT (Kimi Team 2025, section 2.1): a vision transformer for pictures of any size at their own resolution. Learned
// positions are fitted to each picture's grid, and rotary embedding adds rows and columns in every layer.
//
//   x_0 = W_patch patch + b + positions fitted to the grid            [P, C], patches in raster order
//   h   = x + W_o Attention(rope(q), rope(k), v) + b_o                [q | k | v] = W_qkv LN(x) + b_qkv
//   x'  = h + W_1 gelu_tanh(W_0 LN(h) + b_0) + b_1
//   y   = LN(x_N), the patches of each block of m x m together        [P / m², m², C]

#include <span>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/models/vision.h"
#include "tessera/nn/grid_rotary.h"
#include "tessera/nn/linear.h"
#include "tessera/nn/norm.h"
#include "tessera/ops/attention.h"

namespace tessera::models {

// Keys of "vision_config": num_hidden_layers, hidden_size, num_attention_heads, intermediate_size, patch_size,
// init_pos_emb_height, init_pos_emb_width, merge_kernel_size. Absent keys take the released models' values. Throws
// Error that names the key.
struct MoonVitConfig {
  int64_t depth, hidden, heads, ffn;  // layers, C, H, F
  int64_t patch;                      // pixels of a patch
  int64_t merge;                      // m, patches of a block
  int64_t rows, columns;              // of the table of positions
  double theta = 10000;
  float norm_eps = 1e-5f;

  explicit MoonVitConfig(const Json& vision_config);
  int64_t head_dim() const { return hidden / heads; }
};

class MoonVit {
 public:
  MoonVit(const nn::Scope& s, const MoonVitConfig& c);

  // patches [P, 3 p p] of all inputs, end to end -> [P / m², m², C]. Each picture attends within itself. `observer` is
  // told "pos_emb", "patch_embed" (with the positions), "block0", … and "merged".
  Tensor operator()(const Tensor& patches, std::span<const VisionInput> inputs, const VisionObserver& observer) const;

 private:
  struct Block {
    nn::LayerNorm norm0;
    nn::Linear wqkv, wo;
    nn::LayerNorm norm1;
    int64_t padded;  // the width between fc0 and fc1
    nn::Linear fc0, fc1;

    Block(const nn::Scope& s, const MoonVitConfig& c);
    Tensor operator()(const Tensor& x, const nn::RotaryTables& rotary, const ops::AttentionPattern& pictures,
                      int64_t heads) const;
  };

  MoonVitConfig config_;
  nn::Parameter patch_weight_, patch_bias_;  // [C, 3, p, p], [C]
  nn::Parameter positions_;                  // [rows, columns, C]
  std::vector<Block> blocks_;
  nn::LayerNorm final_norm_;
  DType activations_;

  Tensor Positions(std::span<const VisionInput> inputs) const;
};

}  // namespace tessera::models
