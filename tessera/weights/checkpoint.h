#pragma once
// A model on the disk, whatever its format: tensors by the names that the model had at Hugging Face, and its config.
//
//   Checkpoint checkpoint = Checkpoint::Open("SmolLM2-135M-Instruct.Q4_1.gguf");   // or a directory, or a .safetensors
//   checkpoint.config()["hidden_size"]                                             // 576
//   Tensor w = checkpoint.Get("model.layers.0.self_attn.q_proj.weight");          // [576, 576] q4_1, mapped
//
// Nothing is copied: values are read from the disk when they are used, and shared between processes.
// To load a model by the name a person types, see weights/locate.h.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/tensor.h"
#include "tessera/weights/gguf.h"
#include "tessera/weights/tensor_info.h"

namespace tessera::weights {

class Checkpoint {
 public:
  // `path` is a GGUF file, a safetensors file (its config.json beside it, if there), or a directory with config.json
  // and model.safetensors, or model.safetensors.index.json and its shards, or a single GGUF file. Throws Error that
  // names the file for anything absent, malformed or contradictory. A directory without weights is an error here; its
  // tokenizer files can be used all the same (text/tokenizer.h).
  //
  // The part of a GGUF model that sees pictures is in the file itself, or in `vision_file`, or, if that is empty, in a
  // file beside it that has "mmproj" in its name and fits it. Throws Error if `vision_file` does not fit.
  static Checkpoint Open(const std::filesystem::path& path, const std::filesystem::path& vision_file = {});

  Checkpoint(Checkpoint&&) noexcept;
  Checkpoint& operator=(Checkpoint&&) noexcept;
  ~Checkpoint();

  // As given to Open. For a directory that holds a GGUF file: that file.
  const std::filesystem::path& path() const;
  // Where side files are (tokenizer.json, chat_template.jinja): the directory, or the one that holds the file.
  std::filesystem::path directory() const;
  // The file of that name in directory(), or an empty path. A GGUF file has no side files: it holds everything.
  std::filesystem::path SideFile(std::string_view name) const;
  // "gguf" or "safetensors".
  std::string_view format() const;
  // The GGUF file, for its metadata (the tokenizer); null for other formats.
  const GgufFile* gguf() const;

  // config.json in the style of transformers 5, whichever style the file has (weights/config.h); for GGUF the one that
  // weights/gguf_names.h derives; an empty object if there is none.
  const Json& config() const;
  // generation_config.json as it stands; for GGUF the token ids of the metadata; an empty object if there is none.
  const Json& generation_config() const;
  // preprocessor_config.json as it stands: how pictures are prepared; an empty object if there is none.
  const Json& preprocessor_config() const;

  // All tensors, by the file's order. `begin` counts in the tensor's own file.
  const std::vector<TensorInfo>& tensors() const;
  bool Has(const std::string& name) const;
  Tensor Get(const std::string& name) const;   // throws Error if there is none
  Tensor Find(const std::string& name) const;  // undefined if there is none

  // Throws Error if a file was cut short or could not be read since it was opened. What was computed before from its
  // tensors is then worthless.
  void RequireIntact() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
  explicit Checkpoint(std::unique_ptr<State> state);
};

}  // namespace tessera::weights
