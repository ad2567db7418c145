#include "tessera/cli/pass_files.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "tessera/core/error.h"
#include "tessera/weights/safetensors.h"

namespace tessera::cli {

void AddPassFlags(CLI::App& command, PassFlags& flags) {
  command.add_option("MODEL", flags.model, "The model")->required();
  command.add_option("-i,--input", flags.input, "A safetensors file with input_ids [B, T]")->required();
  command.add_option("-o,--output", flags.output, "The safetensors file to write")->required();
  command.add_option("--dtype", flags.dtype, "Arithmetic: f32, or weights and activations in bf16")
      ->check(CLI::IsMember({"f32", "bf16"}))
      ->capture_default_str();
}

DType PassDType(const PassFlags& flags) { return DTypeFromName(flags.dtype); }

models::PaddedBatch ReadBatch(const std::string& path) {
  const auto file = weights::SafetensorsFile::Open(path);
  const auto find = [&](const char* name) { return file.Has(name) ? file.Get(name) : Tensor(); };
  models::PaddedBatch batch{.input_ids = find("input_ids"),
                            .attention_mask = find("attention_mask"),
                            .position_ids = find("position_ids"),
                            .labels = find("labels")};
  Require(batch.input_ids.defined(), "{}: it has no tensor \"input_ids\"; write the token ids there as i64 [B, T]",
          path);
  return batch;
}

void WriteResults(const PassFlags& flags, const models::NamedTensors& results, const Globals& globals) {
  weights::WriteSafetensors(flags.output, results, {{"model", flags.model}, {"dtype", flags.dtype}});
  if (globals.quiet) return;
  fmt::print(stderr, "wrote {} tensors to {}", results.size(), flags.output);
  const auto loss = std::ranges::find(results, "loss", &models::NamedTensors::value_type::first);
  if (loss != results.end()) fmt::print(stderr, "; loss {:.6f}", loss->second.data<float>()[0]);
  fmt::print(stderr, "\n");
}

}  // namespace tessera::cli
