#include "tessera/models/place_vision.h"

#include <array>
#include <numeric>
#include <string_view>

#include "tessera/ops/gather.h"
#include "tessera/ops/view.h"

namespace tessera::models {
namespace {

// Hands out the inputs of each kind in their order.
class InputQueue {
 public:
  InputQueue(std::span<const VisionInput> inputs, const VisionProcessor& processor)
      : inputs_(inputs), processor_(processor) {}

  // The kind that `id` is a placeholder of: 0 image, 1 video, or -1.
  int KindOf(int64_t id) const {
    if (id == processor_.Placeholder(VisionKind::kImage)) return 0;
    return id == processor_.Placeholder(VisionKind::kVideo) ? 1 : -1;
  }

  // The next input of that kind.
  size_t Take(int kind) {
    size_t& next = next_[static_cast<size_t>(kind)];
    while (next < inputs_.size() && static_cast<int>(inputs_[next].kind) != kind) ++next;
    ++taken_;
    Require(next < inputs_.size(), "vision: the prompt has more placeholders for {} than the {} given",
            kNames[static_cast<size_t>(kind)], Count(kind));
    return next++;
  }

  void RequireAllTaken() const {
    Require(taken_ == inputs_.size(),
            "vision: {} images and {} videos were given, but the prompt has places for {} only", Count(0), Count(1),
            taken_);
  }

 private:
  static constexpr std::array<std::string_view, 2> kNames = {"images", "videos"};
  std::span<const VisionInput> inputs_;
  const VisionProcessor& processor_;
  std::array<size_t, 2> next_{};
  size_t taken_ = 0;

  int64_t Count(int kind) const {
    return std::accumulate(inputs_.begin(), inputs_.end(), int64_t{0}, [&](int64_t sum, const VisionInput& input) {
      return sum + (static_cast<int>(input.kind) == kind ? 1 : 0);
    });
  }
};

}  // namespace

std::vector<int64_t> ExpandPlaceholders(std::span<const int64_t> ids, std::span<const VisionInput> inputs,
                                        const VisionProcessor& processor) {
  return ExpandPlaceholders(ids, inputs, processor, [&](size_t input) { return processor.Expansion(inputs[input]); });
}

std::vector<int64_t> ExpandPlaceholders(std::span<const int64_t> ids, std::span<const VisionInput> inputs,
                                        const VisionProcessor& processor, const ExpansionOf& expansion) {
  InputQueue queue(inputs, processor);
  std::vector<int64_t> expanded;
  for (const int64_t id : ids) {
    const int kind = queue.KindOf(id);
    if (kind < 0) {
      expanded.push_back(id);
      continue;
    }
    const std::vector<int64_t> tokens = expansion(queue.Take(kind));
    expanded.insert(expanded.end(), tokens.begin(), tokens.end());
  }
  queue.RequireAllTaken();
  return expanded;
}

std::vector<int64_t> FillPlaceholders(std::span<const int64_t> ids, std::span<const VisionInput> inputs,
                                      const VisionProcessor& processor) {
  InputQueue queue(inputs, processor);
  std::vector<int64_t> filled(ids.begin(), ids.end());
  for (size_t t = 0; t < filled.size();) {
    const int kind = queue.KindOf(filled[t]);
    if (kind < 0) {
      ++t;
      continue;
    }
    const size_t input = queue.Take(kind);
    const std::vector<int64_t> tokens = processor.Expansion(inputs[input]);  // its marks first and last
    const size_t count = tokens.size() - 2;
    size_t found = 0;
    while (found < count && t + found < filled.size() && filled[t + found] == ids[t]) ++found;
    Require(found == count, "vision: picture {} has {} tokens, but {} placeholders stand for it at {}", input, count,
            found, t);
    std::copy(tokens.begin() + 1, tokens.end() - 1, filled.begin() + static_cast<std::ptrdiff_t>(t));
    t += count;
  }
  queue.RequireAllTaken();
  return filled;
}

std::vector<std::vector<VisionPlace>> FindPlaces(std::span<const std::vector<int64_t>> sequences,
                                                 std::span<const VisionInput> inputs,
                                                 const VisionProcessor& processor) {
  InputQueue queue(inputs, processor);
  std::vector<std::vector<VisionPlace>> all;
  for (const std::vector<int64_t>& ids : sequences) {
    std::vector<VisionPlace>& places = all.emplace_back();
    for (size_t t = 0; t < ids.size(); ++t) {
      const int kind = queue.KindOf(ids[t]);
      if (kind < 0) continue;
      const size_t input = queue.Take(kind);
      const auto count = static_cast<size_t>(processor.Tokens(inputs[input].grid));
      size_t found = 0;
      while (found < count && t + found < ids.size() && ids[t + found] == ids[t]) ++found;
      Require(found == count, "vision: input {} has {} tokens, but {} placeholders stand for it at {}", input, count,
              found, t);
      places.push_back({.input = input, .begin = static_cast<int64_t>(t), .count = static_cast<int64_t>(count)});
      t += count - 1;
    }
  }
  queue.RequireAllTaken();
  return all;
}

Tensor PlaceFeatures(const Tensor& x, const Tensor& features, std::span<const int64_t> rows) {
  Require(features.dim(0) == std::ssize(rows), "vision: {} features for {} places", features.dim(0), rows.size());
  std::vector<int64_t> source(static_cast<size_t>(x.dim(0)));
  std::iota(source.begin(), source.end(), int64_t{0});
  for (size_t n = 0; n < rows.size(); ++n) source.at(static_cast<size_t>(rows[n])) = x.dim(0) + static_cast<int64_t>(n);
  const std::array both = {x, features.To(x.device())};
  return ops::GatherRows(ops::Concat(both, 0), Tensor::From<int64_t>(source, {x.dim(0)}));
}

}  // namespace tessera::models
