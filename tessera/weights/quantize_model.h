#pragma once
// A model's file in another format: GGUF out, from a GGUF file, a safetensors file or a Hugging Face directory.
//
//   QuantizeModel("SmolLM2-135M", "SmolLM2-135M.q4_k_m.gguf", {.recipe = RecipeFromName("q4_k_m")});
//
// One tensor at a time: memory is that of the greatest tensor in its new format, never that of the model. The experts
// of a layer are one tensor, and models that see pictures keep their vision part in the same file.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tessera/weights/checkpoint.h"
#include "tessera/weights/gguf_writer.h"
#include "tessera/weights/quantize_calibrated.h"
#include "tessera/weights/quantize_recipe.h"

namespace tessera::weights {

struct QuantizeModelOptions {
  Recipe recipe;
  // Adds the tokenizer's keys (tokenizer.ggml.*) for an input that is not GGUF; text/gguf_vocabulary.h has one. Without
  // it the file has no tokenizer.
  std::function<void(const Checkpoint&, GgufWriter&)> add_vocabulary = {};
  // What the layers are fed, by the checkpoint's names of their weights: a matrix that is in it and becomes a block
  // format keeps its layer's results near (weights/quantize_calibrated.h). Null: every tensor is rounded by itself. Of
  // a mixture of experts, of a vision part and of the vocabulary that happens anyhow; a note says what and why.
  const std::map<std::string, InputGram>* calibration = nullptr;
  // Called on the calling thread with the values done so far and those of the whole model.
  std::function<void(int64_t done, int64_t total)> on_progress = {};
};

struct QuantizeReport {
  int64_t input_bytes = 0, output_bytes = 0;  // of the tensors
  int64_t values = 0;
  std::map<DType, int64_t> tensors_of_type;  // in the output
  int64_t calibrated = 0;                    // tensors that were rounded with a calibration
  std::vector<std::string> notes;            // for the person
};

// Writes `out` as GGUF version 3. A GGUF input keeps its metadata and its names; tensors that have their new format
// already are copied bit by bit, others in a block format are dequantised first. Another input gets the metadata of its
// architecture (weights/gguf_config.h) and of its vision part, with the rows of q and k in the order that GGUF wants
// for Llama. `out` appears whole or not at all, replacing what was there. Throws Error if `out` is the input or one of
// its files, if the input cannot be read or expressed, for values that are not finite (naming the tensor), and when the
// disk refuses.
QuantizeReport QuantizeModel(const std::filesystem::path& in, const std::filesystem::path& out,
                             const QuantizeModelOptions& options);

}  // namespace tessera::weights
