#pragma once
// What `forward` and `grad` share: a pass reads its batch from a safetensors file, or makes it of a prompt and
// pictures, and writes its results to another file.

#include <string>
#include <vector>

#include "tessera/cli/globals.h"
#include "tessera/image/video.h"
#include "tessera/models/padded_batch.h"
#include "tessera/models/vision_tensors.h"

namespace CLI {
class App;
}

namespace tessera::cli {

struct PassFlags {
  std::string model, input, output, dtype = "f32";
  std::string vision_file;          // of a GGUF model whose vision part is a file of its own
  std::string prompt;               // instead of input
  std::vector<std::string> images;  // for the prompt's placeholders
  std::vector<std::string> videos;  // likewise
  double video_rate = 2;            // frames a second that are taken of them
};

// Adds MODEL, --mmproj, --input, --output, --dtype, --prompt, --image, --video and --fps.
void AddPassFlags(CLI::App& command, PassFlags& flags);

// The dtype that the flag names.
DType PassDType(const PassFlags& flags);

// What the flags name, read before a model is loaded.
struct PassInput {
  models::PaddedBatch batch;         // input_ids, and attention_mask, position_ids and labels where present
  models::VisionTensors vision;      // pixel_values, image_grid_thw and so on where present
  std::vector<Tensor> pictures;      // of --image
  std::vector<image::Video> videos;  // of --video
};

// Throws Error that names the file for what is absent or damaged.
PassInput ReadInput(const PassFlags& flags);
// The batch with its pictures as the model takes them, the prompt's placeholders expanded. Throws Error if the model
// sees no pictures, or if pictures and placeholders do not match.
models::PaddedBatch BatchFor(const models::LanguageModel& model, const PassFlags& flags, PassInput input);

// What errors of a pass name: the input file, or "prompt".
std::string InputName(const PassFlags& flags);

// Writes the results, and says so on standard error unless the person wants quiet.
void WriteResults(const PassFlags& flags, const models::NamedTensors& results, const Globals& globals);

}  // namespace tessera::cli
