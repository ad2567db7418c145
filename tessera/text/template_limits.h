#pragma once
// What one rendering of a chat template may use. Templates come with checkpoints, so they are hostile until shown
// otherwise.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace tessera::text {

struct TemplateLimits {
  size_t template_bytes = size_t{1} << 20;  // source of the template
  size_t output_bytes = size_t{64} << 20;   // rendered text
  size_t memory_bytes = size_t{256} << 20;  // values alive at one time, the variables included
  uint64_t steps = 50'000'000;              // evaluated nodes, visited items, and kilobytes of text produced
  std::chrono::milliseconds time{5000};     // wall clock
  int nesting = 100;                        // brackets and blocks inside each other, in the source
  int depth = 500;                          // calls, blocks and operators inside each other, while rendering
};

}  // namespace tessera::text
