// How long a conversation about screenshots waits for its answers:
//
//   turns_bench MODEL [WIDTH HEIGHT] [TURNS]
//
// MODEL is a directory or a file of a model that sees pictures. Every turn shows one new picture of that size (noise,
// 1280 x 720 unless said otherwise) and asks in 32 tokens, drawn at random; the answer has 16. Prints, for each of the
// turns (two), what the picture took to prepare and to encode, and from there to the first token; and how many tokens
// of the prompt were computed and how many were found in the cache.

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <vector>

#include "bench/report_errors.h"
#include "tessera/infer/engine.h"
#include "tessera/infer/loaded_model.h"
#include "tessera/infer/picture_cache.h"

namespace tessera::bench {
namespace {

constexpr int kQuestion = 32, kAnswer = 16;

Tensor Noise(int64_t height, int64_t width, uint32_t seed) {
  Tensor picture = Tensor::Empty({height, width, 3}, DType::kU8);
  std::mt19937 random(seed);
  for (uint8_t& value : picture.mutable_data<uint8_t>()) value = static_cast<uint8_t>(random() >> 24);
  return picture;
}

void Run(int argc, char** argv) {
  Require(argc >= 2, "turns_bench MODEL [WIDTH HEIGHT] [TURNS]");
  const auto number = [&](int i, int64_t otherwise) { return argc > i ? std::atoll(argv[i]) : otherwise; };
  const int64_t width = number(2, 1280), height = number(3, 720), turns = number(4, 2);
  const infer::LoadedModel loaded = infer::Load(argv[1]);
  const models::VisionEncoder* vision = loaded.model->vision();
  Require(vision != nullptr && !vision->early_fusion(), "{}: no encoder for pictures", argv[1]);
  infer::Engine engine(*loaded.model, {.context = 8192});
  infer::PictureCache seen;
  std::vector<infer::EncodedPicture> pictures;
  std::vector<int32_t> tokens;  // of the conversation, one placeholder a picture
  std::mt19937 random(1);
  for (int64_t turn = 0; turn < turns; ++turn) {
    const Tensor picture = Noise(height, width, static_cast<uint32_t>(turn));
    const auto start = std::chrono::steady_clock::now();
    pictures.push_back(seen.Encode(*vision, picture));
    tokens.push_back(static_cast<int32_t>(vision->Placeholder(models::VisionKind::kImage)));
    for (int i = 0; i < kQuestion; ++i) tokens.push_back(static_cast<int32_t>(random() % 1000));
    infer::SeeingPrompt prompt = infer::ShowPictures(*loaded.model, tokens, pictures);
    const infer::EngineStats before = engine.stats();
    const auto encoded = std::chrono::steady_clock::now();
    engine.Submit({.prompt = std::move(prompt.tokens),
                   .vision = std::move(prompt.vision),
                   .max_tokens = kAnswer,
                   .ignore_eos = true,
                   .sampling = {.temperature = 0}});
    double first = 0, whole = 0;
    while (!engine.idle()) {
      for (const infer::TokenEvent& event : engine.Step()) {
        const auto now = std::chrono::steady_clock::now();
        if (first == 0) {
          first = std::chrono::duration<double>(now - encoded).count();
          whole = std::chrono::duration<double>(now - start).count();
        }
        tokens.push_back(event.token);
      }
    }
    const infer::EngineStats stats = engine.stats() - before;
    fmt::print(
        "turn {}: prepare {:.1f} ms, encode {:.2f} s, prompt {:.2f} s ({} tokens, {} found); first token {:.2f} s",
        turn + 1, pictures.back().prepare_seconds * 1e3, pictures.back().encode_seconds, first, stats.prompt_tokens,
        stats.shared_tokens, whole);
    fmt::print("; then {:.1f} ms a token\n", stats.answer_seconds.count() * 1e3 / (kAnswer - 1));
  }
}

}  // namespace
}  // namespace tessera::bench

int main(int argc, char** argv) {
  return tessera::bench::ReportErrors("turns_bench", [&] {
    tessera::bench::Run(argc, argv);
    return 0;
  });
}
