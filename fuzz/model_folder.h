#pragma once
// A model's folder from one text: "=== config.json" on a line of its own begins the file of that name. The weights of a
// tiny Llama lie there already, whole and in two shards, so that the other files decide what comes of them.

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/use_model.h"
#include "tessera/weights/safetensors.h"

namespace tessera::fuzz {

class ModelFolder {
 public:
  ModelFolder() {
    std::error_code ignored;
    const std::filesystem::path memory = "/dev/shm";
    const auto base = std::filesystem::is_directory(memory, ignored) ? memory : std::filesystem::temp_directory_path();
    std::string pattern = (base / "tessera-fuzz-XXXXXX").string();
    Require(mkdtemp(pattern.data()) != nullptr, "fuzz: cannot make a folder");
    path_ = pattern;
  }
  ~ModelFolder() { std::filesystem::remove_all(path_); }
  ModelFolder(const ModelFolder&) = delete;
  ModelFolder& operator=(const ModelFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path Write(const std::string& name, std::string_view bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return path_ / name;
  }

  // Adds the tensors of a Llama with vocabulary 24, hidden size 4, 2 heads over 1 key/value head of size 2, 6 hidden
  // units of its feed-forward and 1 layer.
  void WriteShards() const {
    const auto tensor = [](const std::string& name, const Shape& shape) {
      Tensor values = Tensor::Zeros(shape);
      std::iota(values.mutable_data<float>().begin(), values.mutable_data<float>().end(), 1.0f);
      return std::pair(name, values);
    };
    const std::string layer = "model.layers.0.";
    weights::WriteSafetensors(
        path_ / "a.safetensors",
        {tensor("model.embed_tokens.weight", {24, 4}), tensor("model.norm.weight", {4}),
         tensor(layer + "input_layernorm.weight", {4}), tensor(layer + "post_attention_layernorm.weight", {4})});
    weights::WriteSafetensors(
        path_ / "b.safetensors",
        {tensor(layer + "self_attn.q_proj.weight", {4, 4}), tensor(layer + "self_attn.k_proj.weight", {2, 4}),
         tensor(layer + "self_attn.v_proj.weight", {2, 4}), tensor(layer + "self_attn.o_proj.weight", {4, 4}),
         tensor(layer + "mlp.gate_proj.weight", {6, 4}), tensor(layer + "mlp.up_proj.weight", {6, 4}),
         tensor(layer + "mlp.down_proj.weight", {4, 6})});
  }

 private:
  std::filesystem::path path_;
};

// Fills the folder as `input` says and uses it; true if the model answers.
inline bool ReadModelFolder(std::string_view input) {
  static constexpr std::array kNames = {"config.json",
                                        "generation_config.json",
                                        "model.safetensors.index.json",
                                        "tokenizer.json",
                                        "tokenizer_config.json",
                                        "tokenizer.model",
                                        "tiktoken.model",
                                        "special_tokens_map.json",
                                        "added_tokens.json",
                                        "chat_template.jinja",
                                        "chat_template.json",
                                        "processor_config.json",
                                        "preprocessor_config.json"};
  struct Filled : ModelFolder {
    Filled() { WriteShards(); }
  };
  static const Filled folder;
  for (const char* name : kNames) std::filesystem::remove(folder.path() / name);
  static constexpr std::string_view kMark = "=== ";
  std::string name, body;
  const auto end_file = [&] {
    for (const char* known : kNames)
      if (name == known) folder.Write(name, body);
    body.clear();
  };
  while (!input.empty()) {
    const std::string_view line = input.substr(0, input.find('\n') == input.npos ? input.size() : input.find('\n') + 1);
    input.remove_prefix(line.size());
    if (line.starts_with(kMark)) {
      end_file();
      name = line.substr(kMark.size(), line.find('\n') - kMark.size());
    } else {
      body += line;
    }
  }
  end_file();
  return UseModel(folder.path());
}

// The bytes as a GGUF file; true if its model answers.
inline bool ReadGgufModel(std::string_view bytes) {
  static const ModelFolder folder;
  return UseModel(folder.Write("model.gguf", bytes));
}

}  // namespace tessera::fuzz
