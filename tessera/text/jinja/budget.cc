#include "tessera/text/jinja/budget.h"

#include <algorithm>

#include "tessera/core/error.h"

namespace tessera::text::jinja {
namespace {

constexpr uint64_t kStepsBetweenLooks = 2048;  // a look at the clock costs about as much as a step

}  // namespace

Budget::Budget(const TemplateLimits& limits)
    : limits_(limits), deadline_(std::chrono::steady_clock::now() + limits.time) {}

void Budget::Look() {
  Require(steps_ <= limits_.steps, "rendering takes more than {} steps. Does a loop of the template never end?",
          limits_.steps);
  Require(std::chrono::steady_clock::now() <= deadline_, "rendering takes longer than {} ms", limits_.time.count());
  next_look_ = std::min(steps_ + kStepsBetweenLooks, limits_.steps + 1);
}

void Budget::Expect(size_t bytes) {
  Require(bytes <= limits_.memory_bytes && live_ <= limits_.memory_bytes - bytes,
          "the template's values need more than {} bytes of memory", limits_.memory_bytes);
  Step(bytes / 1024);
}

void TextBuilder::Grow(size_t bytes) {
  budget_.Step();
  if (bytes <= charged_ - text_.size()) return;
  const size_t more = bytes + charged_ / 2;
  budget_.Take(more);
  charged_ += more;
}

}  // namespace tessera::text::jinja
