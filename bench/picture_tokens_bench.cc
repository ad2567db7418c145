// How long a picture takes to become tokens, and tokens a picture, in models that read and draw pictures as tokens:
//
//   random_model bench/configs/chameleon-7b.json /tmp/chameleon-7b --type bf16
//   picture_tokens_bench /tmp/chameleon-7b [RUNS]                      0 runs: the drawing alone
//
// Then the drawing itself, steps in turn: behind a prompt with a picture that nothing guides, behind one of words that
// two contexts guide, and behind one with a picture that three do. A step must read the weights and what each of its
// contexts has in the cache.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <set>
#include <vector>

#include "bench/report_errors.h"
#include "tessera/core/error.h"
#include "tessera/infer/mixed_modal.h"
#include "tessera/infer/model_cost.h"
#include "tessera/kernels/machine_probe.h"
#include "tessera/models/load.h"
#include "tessera/models/vision.h"
#include "tessera/weights/checkpoint.h"
#include "tessera/weights/locate.h"

namespace tessera::bench {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

template <typename Body>
double MedianSeconds(int runs, const Body& body) {
  std::vector<double> seconds;
  for (int i = 0; i < runs; ++i) {
    const auto start = Clock::now();
    body();
    seconds.push_back(Seconds(start));
  }
  std::ranges::sort(seconds);
  return seconds[seconds.size() / 2];
}

// An engine that draws behind `prompt`, which ends in the beginning of a picture, one token a step.
struct Drawing {
  infer::Engine engine;
  std::vector<double> seconds;              // of each step
  std::set<std::vector<int32_t>> contexts;  // their prompts; those that are alike are one

  Drawing(const models::LanguageModel& model, const std::vector<int32_t>& prompt, bool guided)
      : engine(model, {.context = 2048, .cache_tokens = 3 * 2048}), contexts{prompt} {
    const models::PictureVocabulary& vocabulary = model.picture_tokens()->vocabulary();
    infer::Request request{.prompt = prompt, .max_tokens = 1024, .ignore_eos = true};
    request.sampling = infer::PictureMode({}, vocabulary);
    if (guided) {
      request.guidance = infer::GuidanceFor(prompt, vocabulary);
      contexts.insert({request.guidance->pictures, request.guidance->nothing});
    }
    engine.Submit(std::move(request));
    while (engine.stats().answer_tokens < 2) engine.Step();  // the prompt
  }
  void Step() {
    const auto start = Clock::now();
    engine.Step();
    seconds.push_back(Seconds(start));
  }
  // Of the cache in the step in the middle.
  int64_t MiddlePositions() const {
    int64_t positions = 0;
    for (const std::vector<int32_t>& prompt : contexts) positions += std::ssize(prompt) + std::ssize(seconds) / 2;
    return positions;
  }
  // The step that a part of the others took less time than.
  double Quantile(double part) const {
    std::vector<double> sorted = seconds;
    std::ranges::sort(sorted);
    return sorted[static_cast<size_t>(part * static_cast<double>(sorted.size()))];
  }
};

// Steps of several drawings in turn, so that what else the machine does hits all alike.
void DrawInTurn(const models::LanguageModel& model, const std::vector<int32_t>& plain,
                const std::vector<int32_t>& pictured, const infer::ModelCost& cost) {
  Drawing one(model, pictured, false), two(model, plain, true), three(model, pictured, true);
  for (int step = 0; step < 40; ++step)
    for (Drawing* drawing : {&one, &two, &three}) drawing->Step();
  const double bandwidth = kernels::MeasureReadBandwidth();
  const int64_t weights = cost.weight_bytes + cost.logits_bytes;
  fmt::print("{:.2f} GB of weights a step, memory that reads {:.1f} GB/s\n", static_cast<double>(weights) / 1e9,
             bandwidth / 1e9);
  for (const auto& [name, drawing] :
       {std::pair("one context", &one), std::pair("two", &two), std::pair("three", &three)}) {
    const double middle = drawing->Quantile(0.5), quick = drawing->Quantile(0.1);
    const double cached = static_cast<double>(drawing->MiddlePositions() * cost.cache_bytes);
    const double limit = (static_cast<double>(weights) + cached) / bandwidth;
    fmt::print(
        "{:12} {:.2f} GB of cache; a step {:6.1f} ms, {:.2f} tokens/s, {:.2f} times one's, {:.0f} % of the bandwidth; "
        "of the quickest tenth {:6.1f} ms, {:.2f} times, {:.0f} %\n",
        name, cached / 1e9, middle * 1e3, 1 / middle, middle / one.Quantile(0.5), 100 * limit / middle, quick * 1e3,
        quick / one.Quantile(0.1), 100 * limit / quick);
  }
}

void Run(int argc, char** argv) {
  Require(argc >= 2, "picture_tokens_bench MODEL [RUNS]");
  const int runs = argc > 2 ? std::max(0, std::atoi(argv[2])) : 3;
  const auto checkpoint = weights::Checkpoint::Open(weights::Locate(argv[1]));
  const auto model = models::LoadModel(checkpoint, {.pack = true});
  const models::PictureTokens* ink = model->picture_tokens();
  Require(ink != nullptr && ink->can_draw(), "{}: the model draws no pictures", argv[1]);
  const models::PictureVocabulary& v = ink->vocabulary();
  const std::vector<int32_t> some(v.image.begin(), v.image.begin() + std::min(v.per_picture, std::ssize(v.image)));
  std::vector<int64_t> tokens{v.begin};
  tokens.insert(tokens.end(), some.begin(), some.end());
  tokens.push_back(v.end);
  if (runs > 0) {
    Tensor picture = ink->Draw(some);
    const double draw = MedianSeconds(runs, [&] { picture = ink->Draw(some); });
    const models::VisionInput input = model->vision()->Prepare(picture);
    const double read = MedianSeconds(runs, [&] { tokens = model->vision()->Expansion(input); });
    fmt::print("{} x {} pixels, {} tokens; picture to tokens {:.2f} s, tokens to picture {:.2f} s\n", picture.dim(1),
               picture.dim(0), v.per_picture, read, draw);
  }
  const std::vector<int32_t> plain{v.bos, v.text[0], v.text[1], v.begin};
  std::vector<int32_t> pictured{v.bos, v.text[0]};
  pictured.insert(pictured.end(), tokens.begin(), tokens.end());
  pictured.push_back(v.begin);
  const infer::ModelCost cost = infer::CostOf(*model, kernels::FastKvDType());
  DrawInTurn(*model, plain, pictured, cost);
}

}  // namespace
}  // namespace tessera::bench

int main(int argc, char** argv) {
  return tessera::bench::ReportErrors("picture_tokens_bench", [&] {
    tessera::bench::Run(argc, argv);
    return 0;
  });
}
