#pragma once
// What `forward` and `grad` share: a pass reads its batch from a safetensors file and writes its results to another.

#include <string>

#include "tessera/cli/globals.h"
#include "tessera/models/padded_batch.h"

namespace CLI {
class App;
}

namespace tessera::cli {

struct PassFlags {
  std::string model, input, output, dtype = "f32";
};

// Adds MODEL, --input, --output and --dtype.
void AddPassFlags(CLI::App& command, PassFlags& flags);

// The dtype that the flag names.
DType PassDType(const PassFlags& flags);

// input_ids, and attention_mask, position_ids and labels where present. Throws Error that names the file.
models::PaddedBatch ReadBatch(const std::string& path);

// Writes the results, and says so on standard error unless the person wants quiet.
void WriteResults(const PassFlags& flags, const models::NamedTensors& results, const Globals& globals);

}  // namespace tessera::cli
