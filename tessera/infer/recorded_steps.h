#pragma once
// Decoding steps on a GPU: the few hundred kernels of a step are recorded once for each number of rows and then given
// to the GPU in one call, with new ids, positions and pages in the places that the record reads.
//
//   RecordedSteps steps(model);
//   if (RecordedSteps::Takes(context)) scores = steps.Run(ids, positions, context, likeliest);

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>

#include "tessera/infer/scores.h"
#include "tessera/models/language_model.h"

namespace tessera::infer {

class RecordedSteps {
 public:
  // The model is on a GPU and must outlive this; its angles are fixed (ModelSummary).
  explicit RecordedSteps(const models::LanguageModel& model);
  ~RecordedSteps();

  // Whether every sequence has one new row, whose keys are in pages.
  static bool Takes(const nn::Context& context);

  // What model.Logits(model.Hidden(model.Embed(ids), context)) gives, or of each row the likeliest token alone. The
  // logits stay until the next step of as many rows. One id and position a row.
  Scores Run(std::span<const int64_t> ids, std::span<const int64_t> positions, const nn::Context& context,
             bool likeliest);

 private:
  struct Step;

  const models::LanguageModel& model_;
  std::map<std::pair<int64_t, bool>, std::unique_ptr<Step>> steps_;  // by the number of rows, and what is asked for
};

}  // namespace tessera::infer
