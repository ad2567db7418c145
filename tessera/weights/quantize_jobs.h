#pragma once
// What becomes of each tensor of a checkpoint on its way into a GGUF file: its name there, its parts, its format.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/weights/checkpoint.h"
#include "tessera/weights/gguf_writer.h"
#include "tessera/weights/quantize_recipe.h"

namespace tessera::weights {

// One tensor's way from the input to the output.
struct QuantizeJob {
  std::string name;                // in the output
  std::function<Tensor()> values;  // in the input's format; mapped where they are one tensor of it
  Shape shape;
  DType from, to;
  int64_t permuted_heads = 0;  // not 0: rows of q or k of that many heads, to be stored in pairs
};

// The format of that tensor: the recipe's for weights, its own for other numbers.
DType TargetOf(const Recipe& recipe, const RecipeTensor& tensor, DType from);

// The jobs of a checkpoint that is not GGUF, in its tensors' order. A layer's experts become one tensor [E, …, …];
// DeepSeek's kv_b becomes k_b [H, R, N] and v_b [H, V, R], as attention over latents wants them; vision tensors are
// parted as weights/export_vision.h says. Throws Error for a tensor that has no name in GGUF.
std::vector<QuantizeJob> JobsOfCheckpoint(const Checkpoint& checkpoint, const Recipe& recipe);

// The keys of the checkpoint's vision part, if it has one.
void WriteVisionKeys(const Checkpoint& checkpoint, GgufWriter& writer);

// "model.norm.weight" of "language_model.model.norm.weight", which is how Kimi-VL has it.
std::string_view WithoutLanguagePrefix(std::string_view name);

// Rows of each head from two halves to adjacent pairs: row 2i + s of the result is row s·D/2 + i of the source.
Tensor RowsInPairs(const Tensor& x, int64_t heads);

}  // namespace tessera::weights
