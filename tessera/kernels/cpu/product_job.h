#pragma once
// How products are cut into calls of the inner loops, and those into pieces for threads.

#include <cstdint>
#include <functional>
#include <span>

#include "tessera/kernels/cpu/product_finish.h"
#include "tessera/kernels/cpu/product_kernels.h"

namespace tessera::kernels {

// y = x wᵀ with everything as the inner loops want it. Several products, of the same x or of others, make one job:
// their pieces go to the threads together.
struct ProductJob {
  int64_t rows = 0;
  int64_t units = 0;             // of K
  int64_t chunk = 0;             // units that a piece works on at a time
  int max_rows = 0;              // of one kernel call
  int64_t x_unit_bytes = 0;      // of one row
  int64_t w_unit_bytes = 0;      // of one panel in `scratch`; 0: panels are read where they lie
  const std::byte* x = nullptr;  // groups of rows (RowGroups), one after the other

  int64_t outputs = 0;
  float* y = nullptr;                         // [rows, outputs]
  const MicroKernel* kernels = nullptr;       // [R - 1]
  const MicroKernel* pair_kernels = nullptr;  // the same for two panels; null where there are none
  // Panel p as the kernels want it at panels + p · panel_bytes, all its units; or, where that is null, units
  // begin … end - 1 of it from `panel`: written to `scratch`, which is returned, or lying somewhere already.
  const std::byte* panels = nullptr;
  int64_t panel_bytes = 0;
  std::function<const std::byte*(int64_t panel, int64_t begin, int64_t end, std::byte* scratch)> panel;

  // Where panel p is stored: at stored + p · stored_panel_bytes; null where it lies otherwise.
  const std::byte* stored = nullptr;
  int64_t stored_panel_bytes = 0;

  // Where and as what the finished sums go instead of `y`, if `finish.y` is not null: rows and columns are filled in, a
  // bias is that of the first output. Needs a chunk that is all of K.
  SumsToFinish finish;

  // Not null: y = silu(x wᵀ) ∘ (x upᵀ), where `up` is a job of the same x and as many outputs; its own y is not used.
  // Needs a chunk that is all of K.
  const ProductJob* up = nullptr;
  // Not null, beside `up`: y goes there, as the XBlocks of `block_format` that a product with y's rows reads, in groups
  // like x; `y` is not used. Outputs are a multiple of kBlockValues.
  std::byte* blocks = nullptr;
  PanelFormat block_format;
};

void RunProductJobs(std::span<const ProductJob> jobs);

// Memory that a thread keeps for its next product; grows as needed. Each purpose has a buffer of its own.
enum class Scratch { kActivations, kConverted, kTile, kPacked };
std::byte* ThreadScratch(Scratch purpose, int64_t bytes);

}  // namespace tessera::kernels
